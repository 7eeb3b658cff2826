"""Writes a YOLO dataset whole or not at all, with few images in memory."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from loop.datasets import folder as dataset_folder
from loop.datasets.folder import Snapshot, label_file
from loop.datasets.ordered_map import map_in_order
from loop.datasets.snapshots import Item, LabelledImage, Reason, SnapshotReport, find_problem, hash_content
from loop.datasets.splits import Side
from loop.datasets.yolo_format import Note, write_data_file, write_lines
from loop.errors import EmptySnapshot, ImageError, PayloadError, PoisonedSnapshot
from loop.label_studio.classes import ClassIndex
from loop.storage.files import scratch_folder
from loop.vision.image_files import ImageFile

FindImage = Callable[[LabelledImage], ImageFile]
FETCHERS, WRITERS = 8, 4  # threads
MOST_UNREAD = 3  # unread parts of one review that a report names


@dataclass(frozen=True, slots=True)
class DraftImage:
    """The part of an image that is kept in memory; the rest waits in the spool, *length* bytes at *offset*."""

    task_id: int
    offset: int
    length: int
    group: str | None
    look: int | None
    classes: tuple[int, ...]
    content: bytes


@dataclass(frozen=True, slots=True)
class _SpooledImage:
    """One image to write; the fields from *annotation* on come from the spool."""

    task: int
    side: Side
    resting: bool
    annotation: int | None
    path: str
    suffix: str
    image: str
    text: str
    hashed: str
    boxes: int
    notes: Mapping[str, int]


@contextmanager
def open_draft(root: Path, *, shared_images: Path | None = None) -> Iterator[Draft]:
    """
    Open a draft in *root*; a draft that is not finished leaves no files behind.

    Images that cannot be linked are copied once into *shared_images*, if it is given, and linked there.
    """
    with scratch_folder(root) as scratch, (scratch / ".spool").open("w+b") as spool:
        yield Draft(root, scratch, spool, shared_images)


class Draft:
    """A dataset in the making: first add every image, then finish with the side of each image."""

    def __init__(self, root: Path, scratch: Path, spool: IO[bytes], shared_images: Path | None) -> None:
        self._root, self._scratch, self._spool, self._shared = root, scratch, spool, shared_images
        self._end = 0  # of the spool; its own tell() would flush it each time
        self.prepared = scratch / ".prepared"  # for images that must be converted first
        self.report = SnapshotReport()
        self.added: list[DraftImage] = []

    def add(
        self, images: Iterable[LabelledImage], labels: ClassIndex, find: FindImage, *, at_once: int = FETCHERS
    ) -> None:
        """Check images, *at_once* at a time, and spool their labels. Leave out and report unusable images."""
        with ThreadPoolExecutor(at_once) as pool:
            ids: set[int] = set()
            for image, image_file in map_in_order(pool, lambda image: (image, _find_file(find, image)), images):
                wrong = Reason.SAME_ID if image.task_id in ids else find_problem(image, labels, self.report)
                if wrong or image_file is None:
                    causes = "; ".join(part.text for part in image.unread[:MOST_UNREAD])
                    self.report.leave_out(wrong or Reason.NO_REVIEW, image.task_id, causes)
                    continue
                if isinstance(image_file, ImageError):
                    self.report.leave_out(Reason.NO_IMAGE, image.task_id, str(image_file))
                    continue
                ids.add(image.task_id)
                self._add(image, image_file, labels)

    def take_out(self, causes: Mapping[int, str]) -> None:
        """Leave out tasks that were added before their images proved unusable."""
        for image in self.added:
            if image.task_id in causes:
                self.report.leave_out(Reason.NO_IMAGE, image.task_id, causes[image.task_id])
        self.added = [image for image in self.added if image.task_id not in causes]

    def finish(
        self,
        sides: Mapping[int, Side],
        labels: ClassIndex,
        *,
        left_out: Mapping[int, Reason] | None = None,
        resting: Collection[int] = (),
        into: Path | None = None,
    ) -> Snapshot:
        """
        Write the added images without *left_out* under the hash of the content, or into the folder *into*.

        Raises EmptySnapshot if either side has no image.
        """
        (self._scratch / "data.yaml").write_text(write_data_file(labels), encoding="utf-8")
        name = hashlib.sha256((self._scratch / "data.yaml").read_bytes())
        for side in Side:
            (self._scratch / "images" / side).mkdir(parents=True)
            (self._scratch / "labels" / side).mkdir(parents=True)
        self._spool.flush()
        with (self._scratch / "items.jsonl").open("wb") as file:
            for item in self._write_items(sides, left_out or {}, resting):
                line = json.dumps(item.as_json(), sort_keys=True).encode() + b"\n"
                file.write(line)
                name.update(line)
        self._check_sides()
        manifest = {"hash": name.hexdigest(), "classes": list(labels.names), "report": self.report.as_json()}
        (self._scratch / "manifest.json").write_text(json.dumps(manifest, indent=1))
        snapshot = Snapshot(name.hexdigest(), self._scratch, labels.names, self.report.as_json())
        return self._commit(snapshot, into or self._root / name.hexdigest()[:16])

    def _add(self, image: LabelledImage, file: ImageFile, labels: ClassIndex) -> None:
        try:
            lines = write_lines(image.regions, labels)
        except PayloadError:
            self.report.leave_out(Reason.BROKEN_BOX, image.task_id)
            return
        if lines.notes[Note.EMPTY] and not lines.boxes:  # something was drawn: it is no background
            self.report.leave_out(Reason.EMPTY_BOXES, image.task_id)
            return
        hashed = hashlib.sha256(lines.text.encode()).hexdigest()
        place = (str(file.path), file.suffix, file.sha256)
        waiting = [image.annotation_id, *place, lines.text, hashed, lines.boxes, lines.notes]
        offset, line = self._end, json.dumps(waiting).encode()
        self._end += self._spool.write(line)
        classes = tuple(sorted({int(line.split(" ", 1)[0]) for line in lines.text.splitlines()}))
        content = hash_content(image.task_id, file.sha256, hashed)
        self.added.append(DraftImage(image.task_id, offset, len(line), image.group, file.image_hash, classes, content))

    def _write_items(
        self, sides: Mapping[int, Side], left_out: Mapping[int, Reason], resting: Collection[int]
    ) -> Iterator[Item]:
        with ThreadPoolExecutor(WRITERS) as pool:
            waiting = (self._read_spooled(image, sides, resting) for image in self._choose_images(left_out))
            for item, boxes, notes in map_in_order(pool, self._put, waiting):
                if item.resting:
                    self.report.leave_out(Reason.RESTING, item.task)
                else:
                    self.report.images[item.side] += 1
                    self.report.boxes[item.side] += boxes
                    self.report.notes.update(notes)
                yield item

    def _choose_images(self, left_out: Mapping[int, Reason]) -> Iterator[DraftImage]:
        for image in sorted(self.added, key=lambda image: image.task_id):
            if image.task_id in left_out:
                self.report.leave_out(left_out[image.task_id], image.task_id)
            else:
                yield image

    def _read_spooled(self, image: DraftImage, sides: Mapping[int, Side], resting: Collection[int]) -> _SpooledImage:
        values = json.loads(os.pread(self._spool.fileno(), image.length, image.offset))
        return _SpooledImage(image.task_id, sides[image.task_id], image.task_id in resting, *values)

    def _put(self, image: _SpooledImage) -> tuple[Item, int, Mapping[str, int]]:
        """Write one image and its labels to their places."""
        file = f"task-{image.task:08d}{image.suffix}"
        if not image.resting:
            self._place(image, f"{self._scratch}/images/{image.side}/{file}")
            target = f"{self._scratch}/labels/{image.side}/{label_file(file)}"
            with open(target, "wb", buffering=0) as labels:  # noqa: PTH123
                labels.write(image.text.encode())
        hashes = (image.image, image.hashed)
        item = Item(image.task, image.annotation, image.side, file, *hashes, image.boxes, image.resting)
        return item, image.boxes, image.notes

    def _place(self, image: _SpooledImage, target: str) -> None:
        """Link an image. If it cannot be linked, link the copy that the datasets of one root share."""
        if _link(image.path, target):
            return
        if self._shared is None:
            shutil.copyfile(image.path, target)
            return
        shared = self._shared / image.image[:2] / f"{image.image}{image.suffix}"
        if not shared.exists():
            shared.parent.mkdir(parents=True, exist_ok=True)
            scratch = self._scratch / f"copy-{image.task}"
            shutil.copyfile(image.path, scratch)
            scratch.rename(shared)
        if not _link(shared, target):
            shutil.copyfile(shared, target)

    def _check_sides(self) -> None:
        for side in Side:
            if not self.report.images[side]:
                count = sum(self.report.images.values())
                raise EmptySnapshot(f"no usable image on the {side} side, {count} in all; {self.report.losses()}")

    def _commit(self, snapshot: Snapshot, folder: Path) -> Snapshot:
        """Move the finished dataset to its folder; the same dataset from before stays, unless it is damaged."""
        (self._scratch / ".spool").unlink()
        shutil.rmtree(self.prepared, ignore_errors=True)
        standing = Snapshot(snapshot.hash, folder, snapshot.class_names, snapshot.report)
        if (folder / "manifest.json").exists():
            try:
                dataset_folder.verify(standing)
            except PoisonedSnapshot:
                folder.rename(self._scratch / "damaged")
            else:
                (folder / "manifest.json").touch()  # the newest dataset is the one written last
                return standing
        elif folder.exists():
            folder.rmdir()
        self._scratch.rename(folder)
        shutil.rmtree(folder / "damaged", ignore_errors=True)
        return standing


def _find_file(find: FindImage, image: LabelledImage) -> ImageFile | ImageError | None:
    """The file of an image, or the error; None without a look if the review is unread."""
    try:
        return None if image.unread else find(image)
    except ImageError as error:
        return error


def _link(source: Path | str, target: str) -> bool:
    with suppress(OSError):  # another disk, or too many links
        os.link(source, target)
        return True
    return False
