"""Writes a YOLO dataset whole or not at all, with few images in memory."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path

from loop.datasets import folder as dataset_folder
from loop.datasets.folder import Snapshot, label_file
from loop.datasets.snapshots import Item, LabelledImage, Reason, SnapshotReport, find_problem
from loop.datasets.splits import Side
from loop.datasets.spool import DraftImage, Spool, SpooledImage, name_address
from loop.datasets.tiled.folder import TileWork, cut_tiles
from loop.datasets.yolo_format import Note, write_data_file, write_lines
from loop.errors import EmptySnapshot, ImageError, PayloadError, PoisonedSnapshot
from loop.label_studio.classes import ClassIndex
from loop.ordered_map import map_in_order
from loop.storage.files import link_file, remove_at_once, scratch_folder
from loop.vision.image_cache import stamp_file
from loop.vision.image_files import ImageFile

FindImage = Callable[[LabelledImage], ImageFile]
FETCHERS = 8  # threads
MOST_UNREAD = 3  # unread parts of one review that a report names
SPOOL = ".spool"


@contextmanager
def open_draft(root: Path, *, shared_images: Path | None = None, known: Path | None = None) -> Iterator[Draft]:
    """
    Open a draft in *root*; a draft that is not finished leaves no files behind.

    Images that cannot be linked are copied once into *shared_images*, if it is given, and linked there. *known* is the
    spool of the last draft that was finished in this root; the spool of this one replaces it.
    """
    with scratch_folder(root) as scratch, (scratch / SPOOL).open("w+b") as file:
        yield Draft(root, scratch, Spool(file), shared_images, known)


class Draft:
    """A dataset in the making: first add every image, then finish with the side of each image."""

    def __init__(self, root: Path, scratch: Path, spool: Spool, shared_images: Path | None, known: Path | None) -> None:
        self._root, self._scratch, self._spool = root, scratch, spool
        self._shared, self._known = shared_images, known
        self._last = dataset_folder.find_last(root) if known else None
        self.prepared = scratch / ".prepared"  # for images that must be converted first
        self.report = SnapshotReport()
        self.added: list[DraftImage] = []

    def take_over(self, line: bytes, image: SpooledImage, look: int | None) -> None:
        """Add an image of the last draft whose review and file have not changed; *line* is its line in the spool."""
        if image.undecided:
            self.report.undecided.update(image.undecided)
        self.added.append(self._spool.add_line(line, image, look))

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

    def take_out(self, causes: Mapping[int, str], reason: Reason = Reason.NO_IMAGE) -> None:
        """Leave out tasks that were added before their images proved unusable."""
        for image in self.added:
            if image.task_id in causes:
                self.report.leave_out(reason, image.task_id, causes[image.task_id])
        self.added = [image for image in self.added if image.task_id not in causes]

    def finish(
        self,
        sides: Mapping[int, Side],
        labels: ClassIndex,
        *,
        left_out: Mapping[int, Reason] | None = None,
        resting: Collection[int] = (),
        into: Path | None = None,
        tiles: TileWork | None = None,
    ) -> Snapshot:
        """
        Write the added images without *left_out* under the hash of the content, or into the folder *into*.

        With *tiles* the dataset has their tiles, too.

        Raises EmptySnapshot if either side has no image.
        """
        (self._scratch / "data.yaml").write_text(write_data_file(labels), encoding="utf-8")
        for side in Side:
            (self._scratch / "images" / side).mkdir(parents=True)
            (self._scratch / "labels" / side).mkdir(parents=True)
        self._spool.flush()
        with (self._scratch / "items.jsonl").open("wb") as file:
            for item in self._write_items(sides, left_out or {}, resting):
                file.write(json.dumps(item.as_json(), sort_keys=True).encode() + b"\n")
        self._check_sides()
        if tiles:
            items = list(dataset_folder.read_items(self._scratch))
            self.report.tiles.update(cut_tiles(self._scratch, items, labels, tiles, self._last))
        name, report = dataset_folder.compute_hash(self._scratch), self.report.as_json()
        tiling = tiles.tiling if tiles else None
        manifest = {"hash": name, "classes": list(labels.names), "report": report}
        manifest |= {"tiling": tiling.as_json()} if tiling else {}
        (self._scratch / "manifest.json").write_text(json.dumps(manifest, indent=1))
        snapshot = Snapshot(name, self._scratch, labels.names, report, tiling)
        return self._commit(snapshot, into or self._root / name[:16])

    def _add(self, image: LabelledImage, file: ImageFile, labels: ClassIndex) -> None:
        try:
            lines = write_lines(image.regions, labels)
        except PayloadError:
            self.report.leave_out(Reason.BROKEN_BOX, image.task_id)
            return
        if lines.notes[Note.EMPTY] and not lines.boxes:  # something was drawn: it is no background
            self.report.leave_out(Reason.EMPTY_BOXES, image.task_id)
            return
        undecided = Counter(region.label for region in image.regions if region.label in labels.undecided)
        spooled = SpooledImage(
            image.task_id,
            image.mark,
            name_address(image.image),
            stamp_file(str(file.path)) if image.mark else "",
            image.annotation_id,
            image.group,
            str(file.path),
            file.suffix,
            file.sha256,
            lines.text,
            hashlib.sha256(lines.text.encode()).hexdigest(),
            sorted({int(line.split(" ", 1)[0]) for line in lines.text.splitlines()}),
            lines.boxes,
            {str(note): count for note, count in lines.notes.items()},
            undecided,
        )
        self.added.append(self._spool.add(spooled, file.image_hash))

    def _write_items(
        self, sides: Mapping[int, Side], left_out: Mapping[int, Reason], resting: Collection[int]
    ) -> Iterator[Item]:
        for image in self._choose_images(left_out):  # in one thread: several wait for Python more than for the disk
            item = self._put(self._spool.read(image), sides[image.task_id], is_resting=image.task_id in resting)
            if item.resting:
                self.report.leave_out(Reason.RESTING, item.task)
            yield item

    def _choose_images(self, left_out: Mapping[int, Reason]) -> Iterator[DraftImage]:
        for image in sorted(self.added, key=lambda image: image.task_id):
            if image.task_id in left_out:
                self.report.leave_out(left_out[image.task_id], image.task_id)
            else:
                yield image

    def _put(self, image: SpooledImage, side: Side, *, is_resting: bool) -> Item:
        """Write one image and its labels to their places, and count them."""
        file = f"task-{image.task:08d}{image.suffix}"
        if not is_resting:
            self._place(image, f"{self._scratch}/images/{side}/{file}")
            self._write_labels(image.text.encode(), f"labels/{side}/{label_file(file)}")
            self.report.images[side] += 1
            self.report.boxes[side] += image.boxes
            if image.notes:
                self.report.notes.update(image.notes)
        return Item(image.task, image.annotation, side, file, image.image, image.hashed, image.boxes, is_resting)

    def _write_labels(self, content: bytes, name: str) -> None:
        """Link the labels of the last dataset where they are the same, or write them."""
        target = f"{self._scratch}/{name}"
        if self._last and _has_content(f"{self._last}/{name}", content) and link_file(f"{self._last}/{name}", target):
            return
        with open(target, "wb", buffering=0) as labels:  # noqa: PTH123
            labels.write(content)

    def _place(self, image: SpooledImage, target: str) -> None:
        """Link an image. If it cannot be linked, link the copy that the datasets of one root share."""
        if link_file(image.path, target):
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
        if not link_file(shared, target):
            shutil.copyfile(shared, target)

    def _check_sides(self) -> None:
        for side in Side:
            if not self.report.images[side]:
                count = sum(self.report.images.values())
                raise EmptySnapshot(f"no usable image on the {side} side, {count} in all; {self.report.losses()}")

    def _commit(self, snapshot: Snapshot, folder: Path) -> Snapshot:
        """Move the finished dataset to its folder; the same dataset from before stays, unless it is damaged."""
        spool = self._scratch / SPOOL
        if self._known:
            spool.rename(self._known)
        else:
            spool.unlink()
        shutil.rmtree(self.prepared, ignore_errors=True)
        standing = replace(snapshot, folder=folder)
        while not dataset_folder.move(self._scratch, folder):
            try:
                dataset_folder.verify(standing)
            except PoisonedSnapshot:
                with suppress(FileNotFoundError):  # another writer has removed it
                    remove_at_once(folder)
            else:
                break
        dataset_folder.make_newest(folder)
        return standing


def _find_file(find: FindImage, image: LabelledImage) -> ImageFile | ImageError | None:
    """The file of an image, or the error; None without a look if the review is unread."""
    try:
        return None if image.unread else find(image)
    except ImageError as error:
        return error


def _has_content(path: str, content: bytes) -> bool:
    with suppress(OSError), open(path, "rb", buffering=0) as file:  # noqa: PTH123 (a Path would take as long as the rest)
        return file.read(len(content) + 1) == content
    return False
