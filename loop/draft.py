"""A YOLO dataset while it is written: whole or not at all, never in memory."""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import secrets
import shutil
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from loop import dataset_folder
from loop.classes import Labels
from loop.dataset_folder import Snapshot, label_file
from loop.errors import EmptySnapshot, ImageError, PayloadError, PoisonedSnapshot
from loop.image_files import ImageFile
from loop.images import FETCHERS
from loop.in_order import in_order
from loop.snapshots import Item, LabelledImage, Reason, Report, content_of, problem
from loop.splits import Side
from loop.yolo_format import data_file, write_lines

FindImage = Callable[[LabelledImage], ImageFile]
SCRATCH = ".writing-"


@dataclass(frozen=True, slots=True)
class Added:
    """What is kept in memory of an image that may go in; the rest waits on disk, at *offset*."""

    task_id: int
    offset: int
    group: str | None
    look: int | None
    classes: tuple[int, ...]
    content: bytes


@contextmanager
def writing(root: Path, *, shared_images: Path | None = None) -> Iterator[Draft]:
    """
    Open a draft in *root*. What a killed writer left there is removed; one that still writes is left alone.

    Images that cannot be linked are copied once into *shared_images*, where there is such a folder, and linked there.
    """
    root.mkdir(parents=True, exist_ok=True)
    for folder in root.glob(f"{SCRATCH}*"):
        if folder.is_dir() and _is_abandoned(folder):
            shutil.rmtree(folder, ignore_errors=True)
            _lock_of(folder).unlink(missing_ok=True)
    scratch = root / f"{SCRATCH}{secrets.token_hex(8)}"
    try:
        with _lock_of(scratch).open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)  # before there is a folder that might be taken for abandoned
            scratch.mkdir()
            with (scratch / ".spool").open("w+b") as spool:
                yield Draft(root, scratch, spool, shared_images)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
        _lock_of(scratch).unlink(missing_ok=True)


class Draft:
    """First every image is added, then it is known which go in, and on which side: then it is finished."""

    def __init__(self, root: Path, scratch: Path, spool: IO[bytes], shared_images: Path | None) -> None:
        self._root, self._scratch, self._spool, self._shared = root, scratch, spool, shared_images
        self.report = Report()
        self.added: list[Added] = []

    def add(self, images: Iterable[LabelledImage], labels: Labels, find: FindImage) -> None:
        """Check images and write their labels down; what cannot be used is left out and reported."""
        with ThreadPoolExecutor(FETCHERS) as pool:
            ids: set[int] = set()
            for image, found in in_order(pool, lambda one: (one, _found(find, one)), images):
                wrong = Reason.SAME_ID if image.task_id in ids else problem(image, labels, self.report)
                if wrong or isinstance(found, ImageError):
                    self.report.leave_out(wrong or Reason.NO_IMAGE, image.task_id)
                    continue
                ids.add(image.task_id)
                self._add(image, found, labels)

    def finish(
        self,
        sides: Mapping[int, Side],
        labels: Labels,
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

    def _add(self, image: LabelledImage, found: ImageFile, labels: Labels) -> None:
        try:
            lines = write_lines(image.regions, labels)
        except PayloadError:
            self.report.leave_out(Reason.BROKEN_BOX, image.task_id)
            return
        hashed = hashlib.sha256(lines.text.encode()).hexdigest()
        waiting = [
            image.annotation_id,
            str(found.path),
            found.sha256,
            found.tail.hex(),
            lines.text,
            hashed,
            lines.boxes,
        ]
        offset = self._spool.tell()
        self._spool.write(json.dumps([*waiting, {note.value: n for note, n in lines.notes.items()}]).encode() + b"\n")
        classes = tuple(sorted({int(line.split(" ", 1)[0]) for line in lines.text.splitlines()}))
        content = content_of(image.task_id, found.sha256, hashed)
        self.added.append(Added(image.task_id, offset, image.group, found.look, classes, content))

    def _written(
        self, sides: Mapping[int, Side], left_out: Mapping[int, Reason], resting: Collection[int]
    ) -> Iterator[Item]:
        for one in sorted(self.added, key=lambda one: one.task_id):
            if one.task_id in left_out:
                self.report.leave_out(left_out[one.task_id], one.task_id)
                continue
            self._spool.seek(one.offset)
            annotation, path, image, tail, text, hashed, boxes, notes = json.loads(self._spool.readline())
            source, side = Path(path), sides[one.task_id]
            file = f"task-{one.task_id:08d}{source.suffix.lower()}"
            is_resting = one.task_id in resting
            if is_resting:
                self.report.leave_out(Reason.RESTING, one.task_id)
            else:
                self._place(source, bytes.fromhex(tail), image, self._scratch / "images" / side / file)
                (self._scratch / "labels" / side / label_file(file)).write_bytes(text.encode())
                self.report.images[side] += 1
                self.report.boxes[side] += boxes
                self.report.notes.update(notes)
            yield Item(one.task_id, annotation, side, file, image, hashed, boxes, is_resting)

    def _place(self, source: Path, tail: bytes, sha256: str, target: Path) -> None:
        """Link an image; where it cannot be linked as it is, datasets of one root share one copy."""
        if not tail and _linked(source, target):
            return
        if self._shared is None:
            _copy(source, tail, target)
            return
        kept = self._shared / sha256[:2] / f"{sha256}{source.suffix}"
        if not kept.exists():
            kept.parent.mkdir(parents=True, exist_ok=True)
            _copy(source, tail, self._scratch / "copy")
            (self._scratch / "copy").rename(kept)
        if not _linked(kept, target):
            _copy(kept, b"", target)

    def _check_sides(self) -> None:
        for side in Side:
            if not self.report.images[side]:
                told = self.report.as_json()
                raise EmptySnapshot(
                    f"no usable image on the {side} side; {sum(self.report.images.values())} in all, "
                    f"left out: {told['left_out']}"
                )

    def _committed(self, snapshot: Snapshot, folder: Path) -> Snapshot:
        """Give the finished dataset its folder; the same one that is there already stays, unless it is damaged."""
        (self._scratch / ".spool").unlink()
        standing = Snapshot(snapshot.hash, folder, snapshot.class_names, snapshot.report)
        if (folder / "manifest.json").exists():
            try:
                dataset_folder.verify(standing)
            except PoisonedSnapshot:
                folder.rename(self._scratch / "damaged")
            else:
                return standing
        elif folder.exists():
            folder.rmdir()
        self._scratch.chmod(0o755)
        self._scratch.rename(folder)
        shutil.rmtree(folder / "damaged", ignore_errors=True)
        return standing


def _found(find: FindImage, image: LabelledImage) -> ImageFile | ImageError:
    try:
        return find(image)
    except ImageError as error:
        return error


def _linked(source: Path, target: Path) -> bool:
    try:
        os.link(source, target)
    except OSError:  # another disk, or too many links
        return False
    return True


def _copy(source: Path, tail: bytes, target: Path) -> None:
    shutil.copyfile(source, target)
    if tail:
        with target.open("ab") as file:
            file.write(tail)


def _lock_of(scratch: Path) -> Path:
    return scratch.with_name(f"{scratch.name}.lock")


def _is_abandoned(scratch: Path) -> bool:
    """Whether nobody holds the lock of a draft: its writer is dead."""
    try:
        with _lock_of(scratch).open() as lock:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except FileNotFoundError:
        return True
    except OSError:  # held
        return False
    return True
