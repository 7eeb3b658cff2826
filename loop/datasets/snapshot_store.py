"""The snapshots of all projects: on this machine, and in the store that its other machines reach."""

from __future__ import annotations

import gzip
import os
import shutil
import tarfile
import zlib
from collections.abc import Collection
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from loop.datasets.tiled.policy import TILES
from loop.errors import PayloadError, PoisonedSnapshot
from loop.ordered_map import map_in_order
from loop.printable import shorten
from loop.storage.file_store import FileStore
from loop.storage.files import copy_folder, link_file, scratch_folder

if TYPE_CHECKING:
    from loop.datasets.folder import Snapshot
    from loop.datasets.snapshots import Item

IMAGES, LISTED = ".images", ".listed"  # images that datasets share; datasets of which only the images are missing
ENDING = ".tar.gz"
PARTS = ("data.yaml", "items.jsonl", "labels", "manifest.json")  # all of a dataset but its images
AT_ONCE = 16  # images on their way


class SnapshotStore:
    """
    Datasets in a folder for each project, named by the hash of their content.

    In the store, a dataset is an archive of all but its images. Each image stands there once, under its SHA-256, for
    all datasets of a project. The archive comes last, so that a dataset is in the store whole or not at all.
    """

    def __init__(self, root: Path, files: FileStore) -> None:
        self._root, self._files = root, files

    def folder(self, project_id: int) -> Path:
        """Return the folder of the datasets of a project on this machine."""
        return self._root / str(project_id)

    def read(self, project_id: int, name: str) -> Snapshot | None:
        """
        Return the dataset of a hash, brought from the store where this machine lacks it; None if it does not exist.

        Raises PoisonedSnapshot if it is damaged, StoreDown.
        """
        from loop.datasets import folder as dataset_folder

        root = self.folder(project_id)
        return dataset_folder.read(root, name) or (self._bring(root, name[:16]) if name else None)

    def read_list(self, project_id: int, name: str) -> Snapshot | None:
        """Return a dataset of which only the items are needed: its images may not be on this machine."""
        from loop.datasets import folder as dataset_folder

        root = self.folder(project_id)
        return dataset_folder.read(root, name) or (self._bring_list(root, name[:16]) if name else None)

    def find_newest(self, project_id: int, prefix: str = "") -> Snapshot | None:
        """
        Return the dataset that was written last, of those whose hash begins with *prefix*; None if none does.

        Raises PoisonedSnapshot if one is damaged, StoreDown.
        """
        from loop.datasets import folder as dataset_folder

        root = self.folder(project_id)
        stored = self._list_stored(root)
        for name in sorted(stored, key=lambda name: stored[name], reverse=True):
            if name.startswith(prefix[:16]):
                if not (root / name / "manifest.json").exists():
                    self._bring(root, name)
                if found := dataset_folder.find_newest(root, max(name, prefix, key=len)):
                    return found
        return dataset_folder.find_newest(root, prefix)

    def put(self, project_id: int, snapshot: Snapshot) -> None:
        """Put a dataset in the store, unless there is none. Images that are there already are not sent again."""
        if not self._files.is_used:
            return
        root, name = self.folder(project_id), snapshot.folder.name
        there = self._files.list(root / IMAGES, is_deep=True)
        missing = (item for item in snapshot.items() if not item.resting and _shared_path(root, item) not in there)

        def put_image(item: Item) -> None:
            image = _image_path(snapshot.folder, item)
            if image.exists():  # a dataset that was restored from a backup has none
                self._files.put(image, _shared_path(root, item))

        with ThreadPoolExecutor(AT_ONCE) as pool:
            for _ in map_in_order(pool, put_image, missing):
                pass
        with scratch_folder(root) as scratch:
            with tarfile.open(scratch / ENDING, "w:gz", compresslevel=1) as archive:
                for part in PARTS:
                    archive.add(snapshot.folder / part, part)
                if snapshot.tiling:
                    archive.add(snapshot.folder / TILES, TILES, filter=_leave_images)
            self._files.put(scratch / ENDING, root / f"{name}{ENDING}")

    def put_all(self) -> None:
        """Put all datasets of this machine in the store."""
        from loop.datasets import folder as dataset_folder

        for manifest in sorted(self._root.glob("*/[!.]*/manifest.json"), key=lambda path: path.stat().st_mtime):
            folder = manifest.parent
            if snapshot := dataset_folder.find_newest(folder.parent, folder.name):
                self.put(int(folder.parent.name), snapshot)

    def remove_old(self, project_id: int, needed: Collection[str], before: datetime) -> int:
        """
        Remove the datasets that were put *before* a time from the store, but the newest and the *needed* folders.

        Return how many. Images that no other dataset has go too. Nobody may put a dataset of the project meanwhile.
        """
        root = self.folder(project_id)
        stored = self._list_stored(root)
        newest = max(stored, key=lambda name: stored[name], default="")
        old = {name for name, put_at in stored.items() if put_at < before} - {newest, *needed}
        for name in old:
            self._files.delete(root / f"{name}{ENDING}")
        for listed in root.glob(f"{LISTED}/*"):
            if listed.name not in stored.keys() - old:
                shutil.rmtree(listed, ignore_errors=True)
        images = self._files.list(root / IMAGES, is_deep=True)
        unneeded = {path for path, put_at in images.items() if put_at < before}
        for name in stored.keys() - old if unneeded else ():
            snapshot = self._bring_list(root, name)
            unneeded -= {_shared_path(root, item) for item in snapshot.items()} if snapshot else set()
        for path in unneeded:
            self._files.delete(path)
        return len(old)

    def _list_stored(self, root: Path) -> dict[str, datetime]:
        """Return the names of the datasets in the store, and when each was put."""
        files = self._files.list(root).items()
        return {path.name.removesuffix(ENDING): put_at for path, put_at in files if path.name.endswith(ENDING)}

    def _bring_list(self, root: Path, name: str) -> Snapshot | None:
        """Bring all of a dataset but its images from the store; None where it has no such dataset."""
        from loop.datasets import folder as dataset_folder

        if not self._files.is_used:
            return None
        listed = root / LISTED / name
        if not (listed / "manifest.json").exists():
            with scratch_folder(root) as scratch:
                if not self._files.get(root / f"{name}{ENDING}", scratch / ENDING):
                    return None
                content = scratch / name
                _unpack(scratch / ENDING, content)
                listed.parent.mkdir(exist_ok=True)
                _rename(content, listed)
        return dataset_folder.find_newest(listed.parent, name)

    def _bring(self, root: Path, name: str) -> Snapshot | None:
        """Bring a dataset from the store and check all of it; None where it has no such dataset."""
        from loop.datasets import folder as dataset_folder
        from loop.datasets.tiled.folder import restore_images

        listed = self._bring_list(root, name)
        if listed is None:
            return None

        def bring_image(item: Item) -> None:
            shared, image = _shared_path(root, item), _image_path(whole, item)
            image.parent.mkdir(parents=True, exist_ok=True)
            try:
                is_here = shared.exists() or self._files.get(shared, sha256=item.image)
            except PayloadError as error:
                raise PoisonedSnapshot(name, {item.task: str(error)}) from error
            if is_here and not link_file(shared, image):  # one that is missing fails the check
                shutil.copyfile(shared, image)

        with scratch_folder(root) as scratch, ThreadPoolExecutor(AT_ONCE) as pool:
            whole = copy_folder(listed.folder, scratch / name)
            for _ in map_in_order(pool, bring_image, (item for item in listed.items() if not item.resting)):
                pass
            restore_images(whole)
            dataset_folder.verify(replace(listed, folder=whole))
            _rename(whole, root / name)
        return replace(listed, folder=root / name)


def _leave_images(member: tarfile.TarInfo) -> tarfile.TarInfo | None:
    """Leave the images of tiles out: they are cut again."""
    return None if member.name == f"{TILES}/images" else member


def _image_path(folder: Path, item: Item) -> Path:
    return folder / "images" / item.side / item.file


def _shared_path(root: Path, item: Item) -> Path:
    """Return the path of an image that all datasets of a project share."""
    return root / IMAGES / item.image[:2] / f"{item.image}{Path(item.file).suffix}"


def _unpack(archive: Path, folder: Path) -> None:
    """Unpack the archive of a dataset, and check it by its name. Raises PoisonedSnapshot."""
    from loop.datasets import folder as dataset_folder

    try:
        with tarfile.open(archive, "r:gz") as content:
            for member in content:
                _extract(content, member, folder)
    except (tarfile.TarError, zlib.error, gzip.BadGzipFile, EOFError) as error:
        raise PoisonedSnapshot(folder.name, {}, f"its archive in LOOP_STORE cannot be unpacked: {error}") from error
    if dataset_folder.compute_hash(folder)[:16] != folder.name:
        raise PoisonedSnapshot(folder.name, {}, "its archive in LOOP_STORE has another content")


def _extract(content: tarfile.TarFile, member: tarfile.TarInfo, folder: Path) -> None:
    """Write a file of a dataset. Raises TarError for any other member."""
    parts, file = member.name.split("/"), content.extractfile(member) if member.isreg() else None
    if member.isdir():
        return
    if file is None or parts[0] not in (*PARTS, TILES) or not {"", ".", ".."}.isdisjoint(parts):
        raise tarfile.TarError(f"{shorten(member.name, 100)} is no file of a dataset")
    path = folder.joinpath(*parts)
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as copy:
        shutil.copyfileobj(file, copy)
    os.utime(path, (member.mtime, member.mtime))


def _rename(scratch: Path, folder: Path) -> None:
    """Move a folder to its place; another process may have done the same."""
    try:
        scratch.rename(folder)
    except OSError:
        if not (folder / "manifest.json").exists():
            raise
