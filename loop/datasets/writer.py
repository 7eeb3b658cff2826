"""A YOLO dataset while it is written: whole or not at all, never in memory."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from loop.datasets import folder as dataset_folder
from loop.datasets.folder import Snapshot, label_file
from loop.datasets.ordered_map import in_order
from loop.datasets.snapshots import Item, LabelledImage, Reason, Report, content_of, problem
from loop.datasets.splits import Side
from loop.datasets.yolo_format import Note, data_file, write_lines
from loop.errors import EmptySnapshot, ImageError, PayloadError, PoisonedSnapshot
from loop.label_studio.classes import ClassIndex
from loop.storage.files import scratch_folder
from loop.vision.image_files import ImageFile
from loop.vision.images import FETCHERS

FindImage = Callable[[LabelledImage], ImageFile]
WRITERS = 4
MOST_UNREAD = 3  # of one review that a report names


@dataclass(frozen=True, slots=True)
class Added:
    """What is kept in memory of an image that may go in; the rest waits on disk, *length* bytes at *offset*."""

    task_id: int
    offset: int
    length: int
    group: str | None
    look: int | None
    classes: tuple[int, ...]
    content: bytes


@dataclass(frozen=True, slots=True)
class _Waiting:
    """One image that goes in; from *annotation* on it is what waited on disk."""

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
def writing(root: Path, *, shared_images: Path | None = None) -> Iterator[Draft]:
    """
    Open a draft in *root*; what is not finished leaves nothing behind.

    Images that cannot be linked are copied once into *shared_images*, where there is such a folder, and linked there.
    """
    with scratch_folder(root) as scratch, (scratch / ".spool").open("w+b") as spool:
        yield Draft(root, scratch, spool, shared_images)


class Draft:
    """First every image is added, then it is known which go in, and on which side: then it is finished."""

    def __init__(self, root: Path, scratch: Path, spool: IO[bytes], shared_images: Path | None) -> None:
        self._root, self._scratch, self._spool, self._shared = root, scratch, spool, shared_images
        self._end = 0  # of the spool; its own tell() would flush it each time
        self.prepared = scratch / ".prepared"  # for files of images that cannot be taken as they are
        self.report = Report()
        self.added: list[Added] = []

    def add(
        self, images: Iterable[LabelledImage], labels: ClassIndex, find: FindImage, *, at_once: int = FETCHERS
    ) -> None:
        """Check images, some *at_once*, and write their labels down; what cannot be used is left out and reported."""
        with ThreadPoolExecutor(at_once) as pool:
            ids: set[int] = set()
            for image, found in in_order(pool, lambda one: (one, _found(find, one)), images):
                wrong = Reason.SAME_ID if image.task_id in ids else problem(image, labels, self.report)
                if wrong or found is None:
                    causes = "; ".join(one.text for one in image.unread[:MOST_UNREAD])
                    self.report.leave_out(wrong or Reason.NO_REVIEW, image.task_id, causes)
                    continue
                if isinstance(found, ImageError):
                    self.report.leave_out(Reason.NO_IMAGE, image.task_id, str(found))
                    continue
                ids.add(image.task_id)
                self._add(image, found, labels)

    def take_out(self, causes: Mapping[int, str]) -> None:
        """Leave out tasks that were added, as their images turned out not to be usable."""
        for one in self.added:
            if one.task_id in causes:
                self.report.leave_out(Reason.NO_IMAGE, one.task_id, causes[one.task_id])
        self.added = [one for one in self.added if one.task_id not in causes]

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
        Write what was added but *left_out* under the hash of its content, or into the folder *into*.

        Raises EmptySnapshot where either side has no image.
        """
        (self._scratch / "data.yaml").write_text(data_file(labels), encoding="utf-8")
        name = hashlib.sha256((self._scratch / "data.yaml").read_bytes())
        for side in Side:
            (self._scratch / "images" / side).mkdir(parents=True)
            (self._scratch / "labels" / side).mkdir(parents=True)
        self._spool.flush()
        with (self._scratch / "items.jsonl").open("wb") as file:
            for item in self._written(sides, left_out or {}, resting):
                line = json.dumps(item.as_json(), sort_keys=True).encode() + b"\n"
                file.write(line)
                name.update(line)
        self._check_sides()
        manifest = {"hash": name.hexdigest(), "classes": list(labels.names), "report": self.report.as_json()}
        (self._scratch / "manifest.json").write_text(json.dumps(manifest, indent=1))
        snapshot = Snapshot(name.hexdigest(), self._scratch, labels.names, self.report.as_json())
        return self._committed(snapshot, into or self._root / name.hexdigest()[:16])

    def _add(self, image: LabelledImage, found: ImageFile, labels: ClassIndex) -> None:
        try:
            lines = write_lines(image.regions, labels)
        except PayloadError:
            self.report.leave_out(Reason.BROKEN_BOX, image.task_id)
            return
        if lines.notes[Note.EMPTY] and not lines.boxes:  # something was drawn: it is no background
            self.report.leave_out(Reason.EMPTY_BOXES, image.task_id)
            return
        hashed = hashlib.sha256(lines.text.encode()).hexdigest()
        file = (str(found.path), found.suffix, found.sha256)
        waiting = [image.annotation_id, *file, lines.text, hashed, lines.boxes, lines.notes]
        offset, line = self._end, json.dumps(waiting).encode()
        self._end += self._spool.write(line)
        classes = tuple(sorted({int(line.split(" ", 1)[0]) for line in lines.text.splitlines()}))
        content = content_of(image.task_id, found.sha256, hashed)
        self.added.append(Added(image.task_id, offset, len(line), image.group, found.image_hash, classes, content))

    def _written(
        self, sides: Mapping[int, Side], left_out: Mapping[int, Reason], resting: Collection[int]
    ) -> Iterator[Item]:
        with ThreadPoolExecutor(WRITERS) as pool:
            waiting = (self._waiting(one, sides, resting) for one in self._going_in(left_out))
            for item, boxes, notes in in_order(pool, self._put, waiting):
                if item.resting:
                    self.report.leave_out(Reason.RESTING, item.task)
                else:
                    self.report.images[item.side] += 1
                    self.report.boxes[item.side] += boxes
                    if notes:
                        self.report.notes.update(notes)
                yield item

    def _going_in(self, left_out: Mapping[int, Reason]) -> Iterator[Added]:
        for one in sorted(self.added, key=lambda one: one.task_id):
            if one.task_id in left_out:
                self.report.leave_out(left_out[one.task_id], one.task_id)
            else:
                yield one

    def _waiting(self, one: Added, sides: Mapping[int, Side], resting: Collection[int]) -> _Waiting:
        kept = json.loads(os.pread(self._spool.fileno(), one.length, one.offset))
        return _Waiting(one.task_id, sides[one.task_id], one.task_id in resting, *kept)

    def _put(self, one: _Waiting) -> tuple[Item, int, Mapping[str, int]]:
        """Put one image and its labels into their places."""
        file = f"task-{one.task:08d}{one.suffix}"
        if not one.resting:
            self._place(one, f"{self._scratch}/images/{one.side}/{file}")
            target = f"{self._scratch}/labels/{one.side}/{label_file(file)}"
            with open(target, "wb", buffering=0) as labels:  # noqa: PTH123
                labels.write(one.text.encode())
        item = Item(one.task, one.annotation, one.side, file, one.image, one.hashed, one.boxes, one.resting)
        return item, one.boxes, one.notes

    def _place(self, one: _Waiting, target: str) -> None:
        """Link an image; where it cannot be linked as it is, datasets of one root share one copy."""
        source = Path(one.path)
        if _linked(source, target):
            return
        if self._shared is None:
            shutil.copyfile(source, target)
            return
        kept = self._shared / one.image[:2] / f"{one.image}{one.suffix}"
        if not kept.exists():
            kept.parent.mkdir(parents=True, exist_ok=True)
            scratch = self._scratch / f"copy-{one.task}"
            shutil.copyfile(source, scratch)
            scratch.rename(kept)
        if not _linked(kept, target):
            shutil.copyfile(kept, target)

    def _check_sides(self) -> None:
        for side in Side:
            if not self.report.images[side]:
                count = sum(self.report.images.values())
                raise EmptySnapshot(f"no usable image on the {side} side, {count} in all; {self.report.losses()}")

    def _committed(self, snapshot: Snapshot, folder: Path) -> Snapshot:
        """Give the finished dataset its folder; the same one that is there already stays, unless it is damaged."""
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
        self._scratch.chmod(0o755)
        self._scratch.rename(folder)
        shutil.rmtree(folder / "damaged", ignore_errors=True)
        return standing


def _found(find: FindImage, image: LabelledImage) -> ImageFile | ImageError | None:
    """The file of an image, or what is wrong with it; an image that is not used is not looked for."""
    try:
        return None if image.unread else find(image)
    except ImageError as error:
        return error


def _linked(source: Path, target: str) -> bool:
    try:
        os.link(source, target)
    except OSError:  # another disk, or too many links
        return False
    return True
