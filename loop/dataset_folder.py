"""A YOLO dataset on disk: `images/`, `labels/`, `data.yaml`, `manifest.json`; written whole or not at all."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from loop.errors import EmptySnapshot, ImageError
from loop.images import FETCHERS, SUFFIXES, Images
from loop.snapshots import Entry, LabelledImage, Reason, Report, digest, usable
from loop.splits import Side
from loop.yolo_format import data_file, write_lines

FindImage = Callable[[LabelledImage], Path]


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A dataset that never changes, by the hash of its content."""

    hash: str
    folder: Path
    class_names: tuple[str, ...]
    report: dict[str, Any]

    @property
    def data(self) -> Path:
        """The file that ultralytics is given."""
        return self.folder / "data.yaml"

    def count(self, what: str, side: Side) -> int:
        """How many `images` or `boxes` are on a side."""
        return int(self.report[what].get(side, 0))

    def held_out(self) -> dict[str, Path]:
        """The images of the held-out side by their name, which a task keeps in every dataset of its project."""
        return {path.stem: path for path in sorted((self.folder / "images" / Side.HELD_OUT).iterdir())}


class ImageCache:
    """Images of reviewed tasks, fetched once, checked once; datasets hold hard links to them."""

    def __init__(self, folder: Path, images: Images) -> None:
        self._folder, self._images = folder, images

    def find(self, project_id: int, item: LabelledImage) -> Path:
        """Return the file of a task's image. Raises ImageError."""
        key = hashlib.sha256(f"{project_id}:{item.task_id}:{item.image}".encode()).hexdigest()
        folder = self._folder / key[:2]
        for path in folder.glob(f"{key}.*"):
            return path
        content = self._images.fetch(item.image, item.task_id)
        decoded = self._images.open(content, item.image)
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=folder, delete=False) as scratch:
            suffix = SUFFIXES.get(decoded.format or "")
            if suffix:
                scratch.write(content)
            else:  # a format that ultralytics does not read
                decoded.convert("RGB").save(scratch, "PNG")
        return Path(scratch.name).rename(folder / f"{key}{suffix or '.png'}")


def write(root: Path, items: Iterable[LabelledImage], class_names: Sequence[str], find: FindImage) -> Snapshot:
    """
    Write a dataset into *root* under the hash of its content, or return the one that is already there.

    Images that cannot be read and images with unknown labels are left out and reported. Raises EmptySnapshot where
    either side of the split has no image.
    """
    root.mkdir(parents=True, exist_ok=True)
    scratch = Path(tempfile.mkdtemp(dir=root, prefix=".writing-"))
    try:
        return _written(root, scratch, items, class_names, find)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def read(root: Path, name: str) -> Snapshot | None:
    """Return the dataset of that hash, if it is here."""
    folder = root / name[:16]
    if not (folder / "manifest.json").exists():
        return None
    manifest = json.loads((folder / "manifest.json").read_text())
    return Snapshot(name, folder, tuple(manifest["classes"]), manifest["report"])


def _written(
    root: Path, scratch: Path, items: Iterable[LabelledImage], class_names: Sequence[str], find: FindImage
) -> Snapshot:
    report = Report()
    entries = list(_entries(scratch, items, class_names, find, report))
    for side in Side:
        if not report.images[side]:
            raise EmptySnapshot(
                f"no usable image on the {side} side; {sum(report.images.values())} in all, left out: {report.left_out}"
            )
    name = digest(entries, class_names)
    (scratch / "data.yaml").write_text(data_file(class_names))
    manifest = {"hash": name, "classes": list(class_names), "report": report.as_json()}
    (scratch / "manifest.json").write_text(json.dumps(manifest, indent=1))
    folder = root / name[:16]
    if not folder.exists():
        scratch.chmod(0o755)
        scratch.rename(folder)
    return Snapshot(name, folder, tuple(class_names), report.as_json())


def _entries(
    folder: Path, items: Iterable[LabelledImage], class_names: Sequence[str], find: FindImage, report: Report
) -> Iterator[Entry]:
    class_ids = {name: class_id for class_id, name in enumerate(class_names)}
    for side in Side:
        (folder / "images" / side).mkdir(parents=True)
        (folder / "labels" / side).mkdir(parents=True)
    kept = usable(items, class_ids, report)
    with ThreadPoolExecutor(FETCHERS) as pool:
        for item, found in zip(kept, pool.map(lambda one: _found(find, one), kept), strict=True):
            if isinstance(found, ImageError):
                report.leave_out(Reason.NO_IMAGE, item.task_id)
                continue
            yield _entry(folder, item, found, class_ids, report)


def _entry(folder: Path, item: LabelledImage, source: Path, class_ids: dict[str, int], report: Report) -> Entry:
    name = f"task-{item.task_id:08d}"
    lines = write_lines(item.regions, class_ids)
    _link(source, folder / "images" / item.side / f"{name}{source.suffix.lower()}")
    (folder / "labels" / item.side / f"{name}.txt").write_text(lines.text)
    report.images[item.side] += 1
    report.boxes[item.side] += lines.boxes
    report.notes.update({note.value: times for note, times in lines.notes.items()})
    return Entry(name, item.side, hashlib.sha256(source.read_bytes()).hexdigest(), lines.text)


def _found(find: FindImage, item: LabelledImage) -> Path | ImageError:
    try:
        return find(item)
    except ImageError as error:
        return error


def _link(source: Path, target: Path) -> None:
    try:
        os.link(source, target)
    except OSError:  # another disk
        shutil.copy(source, target)


def move(snapshot: Snapshot, folder: Path) -> Snapshot:
    """Give a dataset another folder, which must be new or empty."""
    if folder.exists():
        folder.rmdir()
    return replace(snapshot, folder=snapshot.folder.rename(folder))
