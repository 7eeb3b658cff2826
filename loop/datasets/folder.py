"""
A YOLO dataset on disk, which never changes.

It holds `images/` and `labels/` by side, `data.yaml`, `items.jsonl` (one image per line, by task), and
`manifest.json` (its name and report). Its name is the hash of `data.yaml` and `items.jsonl`. `items.jsonl` has the
hash of every other file. A dataset that is trained on in tiles has `tiles/` beside its images, see
`loop/datasets/tiled/folder.py`; the two files of the same names in it are in the hash too.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from loop.datasets.snapshots import Item
from loop.datasets.splits import Side
from loop.datasets.tiled import folder as tile_folder
from loop.datasets.tiled.folder import DATA, LISTED
from loop.datasets.tiled.policy import TILES
from loop.datasets.yolo_format import read_lines
from loop.errors import PayloadError, PoisonedSnapshot
from loop.ordered_map import map_in_order
from loop.vision.tiling.tiles import Tiling, read_tiling

READERS = 4


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A dataset that never changes, named by the hash of its content. With a *tiling* it has tiles of its images."""

    hash: str
    folder: Path
    class_names: tuple[str, ...]
    report: dict[str, Any]
    tiling: Tiling | None = None

    @property
    def data(self) -> Path:
        """The `data.yaml` of its images."""
        return self.folder / "data.yaml"

    @property
    def trained_on(self) -> Path:
        """The `data.yaml` that a detector is trained on: that of its tiles, if it has any."""
        return self.folder / TILES / DATA if self.tiling else self.data

    def count_trained(self) -> int:
        """The number of images that a detector is trained on: tiles, if it has any."""
        return sum(1 for _ in (self.trained_on.parent / "images" / Side.TRAIN).iterdir())

    def count(self, what: str, side: Side) -> int:
        """The number of `images` or `boxes` on a side."""
        return int(self.report[what].get(side, 0))

    def items(self) -> Iterator[Item]:
        """Yield its items, by task. Raises PoisonedSnapshot at a line that cannot be read."""
        return read_items(self.folder)

    def held_out(self) -> dict[str, Path]:
        """The held-out images by name; a task has the same name in every dataset of its project."""
        return {path.stem: path for path in sorted((self.folder / "images" / Side.HELD_OUT).iterdir())}

    def digest_held_out(self) -> str:
        """Return a digest of the held-out images and their labels; the same digest means the same images."""
        digest = hashlib.sha256()
        for item in self.items():
            if item.side is Side.HELD_OUT:
                digest.update(item.content)
        return digest.hexdigest()[:16]


def read(root: Path, name: str) -> Snapshot | None:
    """Return the dataset of a hash, if it exists. Raises PoisonedSnapshot if its manifest is damaged."""
    folder = root / name[:16]
    if not name or not (folder / "manifest.json").exists():
        return None
    try:
        manifest = json.loads((folder / "manifest.json").read_text())
        tiling = read_tiling(manifest.get("tiling"))
        return Snapshot(name, folder, tuple(manifest["classes"]), manifest["report"], tiling)
    except (ValueError, TypeError, KeyError) as error:
        raise PoisonedSnapshot(str(folder), {}, f"manifest.json cannot be read: {error}") from error


def find_newest(root: Path, prefix: str = "") -> Snapshot | None:
    """
    Return the dataset under *root* that was written last, of those whose hash begins with *prefix*; None if none does.

    Raises PoisonedSnapshot if a manifest is damaged.
    """
    datasets = root.glob("[!.]*/manifest.json")  # a hidden folder is a draft, perhaps of a killed writer
    manifests = [manifest for manifest in datasets if manifest.parent.name.startswith(prefix[:16])]
    for manifest in sorted(manifests, key=lambda path: path.stat().st_mtime, reverse=True):
        try:
            name = str(json.loads(manifest.read_text())["hash"])
        except (ValueError, TypeError, KeyError) as error:
            raise PoisonedSnapshot(str(manifest.parent), {}, f"manifest.json cannot be read: {error}") from error
        if name.startswith(prefix):
            return read(root, name)
    return None


def find_last(root: Path) -> Path | None:
    """Return the folder of the dataset under *root* that was written last; None if none is readable."""
    try:
        newest = find_newest(root)
    except PoisonedSnapshot:
        return None
    return newest.folder if newest else None


def make_newest(folder: Path) -> None:
    """Give a dataset a later time than all beside it, also where the clock went back since one of them was written."""
    manifest = folder / "manifest.json"
    manifest.touch()
    last = find_last(folder.parent)
    if last and last != folder:
        moment = (last / "manifest.json").stat().st_mtime_ns + 1_000_000
        os.utime(manifest, ns=(moment, moment))


def read_items(folder: Path) -> Iterator[Item]:
    """Yield the items of a dataset. Raises PoisonedSnapshot at a line that cannot be read."""
    try:
        with (folder / "items.jsonl").open(encoding="utf-8") as file:
            for line in file:
                values = json.loads(line)
                yield Item(**{**values, "side": Side(values["side"])})
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise PoisonedSnapshot(str(folder), {}, f"items.jsonl cannot be read: {error}") from error


def verify(snapshot: Snapshot) -> None:
    """
    Check that a dataset is as written: every image and label file unchanged, no other files, labels that parse.

    Raises PoisonedSnapshot, which names the tasks.
    """
    folder = snapshot.folder
    problems: dict[int, str] = {}
    files = 0
    with ThreadPoolExecutor(READERS) as pool:
        for item, problem in map_in_order(pool, lambda item: (item, _find_problem(snapshot, item)), snapshot.items()):
            files += not item.resting
            if problem:
                problems[item.task] = problem
    damaged, fault = tile_folder.find_damage(folder)
    problems |= damaged
    faults = [fault] if fault else []
    if not _is_readable(folder):
        faults.append("manifest.json cannot be read")
    if compute_hash(folder) != snapshot.hash:
        faults.append("data.yaml or items.jsonl is not as it was written")
    for kind in ("images", "labels"):
        count = sum(1 for side in Side for _ in (folder / kind / side).glob("*"))
        if count > files:
            faults.append(f"{count - files} files in {kind} that do not belong to it")
    if problems or faults:
        raise PoisonedSnapshot(str(folder), problems, "; ".join(faults))


def move(source: Path, folder: Path) -> bool:
    """Rename a folder; return False, and leave it where it is, if *folder* is a dataset already. Raises OSError."""
    try:
        source.rename(folder)
    except OSError:
        if (folder / "manifest.json").exists():
            return False
        raise
    return True


def compute_hash(folder: Path) -> str:
    """Return the hash that names a dataset; empty if a file of it cannot be read."""
    digest = hashlib.sha256()
    tiles = folder / TILES
    names = [f"{TILES}/{name}" for name in (DATA, LISTED)] if tiles.exists() else []
    for name in ("data.yaml", "items.jsonl", *names):
        try:
            with (folder / name).open("rb") as file:
                while chunk := file.read(1 << 20):
                    digest.update(chunk)
        except OSError:
            return ""
    return digest.hexdigest()


def list_held_out(data: Path) -> list[Path]:
    """Return the held-out images of the dataset whose `data.yaml` is *data*. Raises PayloadError where it has none."""
    folder = data.parent / "images" / Side.HELD_OUT
    images = sorted(folder.glob("[!.]*"))  # macOS adds hidden files
    if not images:
        raise PayloadError(str(data), f"images in {folder}, as `loop dataset convert` writes them", "none")
    return images


def label_file(file: str) -> str:
    """The name of the label file of an image file."""
    return f"{file.rsplit('.', 1)[0]}.txt"


def _find_problem(snapshot: Snapshot, item: Item) -> str | None:
    if item.resting:
        return None
    labels = snapshot.folder / "labels" / item.side / label_file(item.file)
    try:
        text = labels.read_bytes()
        read_lines(text.decode(), snapshot.class_names, labels.name)
        with (snapshot.folder / "images" / item.side / item.file).open("rb") as file:
            image = hashlib.file_digest(file, "sha256").hexdigest()
    except (OSError, UnicodeDecodeError, PayloadError) as error:
        return str(error)
    if hashlib.sha256(text).hexdigest() != item.labels:
        return "its labels are not those that were written"
    return None if image == item.image else "its image is not the one that was written"


def _is_readable(folder: Path) -> bool:
    try:
        manifest = json.loads((folder / "manifest.json").read_text())
        return isinstance(manifest, dict) and {"hash", "classes", "report"} <= manifest.keys()
    except (OSError, ValueError):
        return False
