"""The formats of datasets from elsewhere."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path

from loop.errors import PayloadError
from loop.imports.coco import read_coco
from loop.imports.foreign import ForeignDataset, ForeignImage
from loop.imports.voc import read_voc
from loop.imports.yolo import read_yolo


class DatasetFormat(StrEnum):
    """A format of datasets."""

    YOLO = "yolo"
    COCO = "coco"
    VOC = "voc"


DIFFERENT = "its labels stand in several places of the dataset, and differ: join them in one"
READERS: dict[DatasetFormat, Callable[[Path], ForeignDataset]] = {
    DatasetFormat.YOLO: read_yolo,
    DatasetFormat.COCO: read_coco,
    DatasetFormat.VOC: read_voc,
}


@dataclass(frozen=True, slots=True)
class LookedThrough:
    """A dataset whose labels were read once: the number of its images, and of the boxes of each class."""

    dataset: ForeignDataset
    images: int
    boxes: dict[str, int]


def look_through(root: Path, kind: DatasetFormat) -> LookedThrough:
    """
    Read all labels of a dataset, without its images. Raises PayloadError where it has none of that format.

    An image that is named several times with different labels, such as one file a class, is unread each time.
    """
    dataset = READERS[kind](root)
    images, boxes = 0, Counter[str]()
    labels, different = dict[str, int](), set[str]()
    for image in dataset.read():
        images += 1
        boxes.update(box.label for box in image.boxes)
        digest = hash((frozenset(image.boxes), image.frame))
        if labels.setdefault(_name(image), digest) != digest:
            different.add(_name(image))
    if not images:
        raise PayloadError(str(root), f"a dataset in the format {kind}", "no image in it")
    marked = replace(dataset, read=lambda: _mark(dataset.read(), different)) if different else dataset
    return LookedThrough(marked, images, dict(boxes.most_common()))


def _mark(images: Iterator[ForeignImage], different: Collection[str]) -> Iterator[ForeignImage]:
    for image in images:
        is_different = _name(image) in different
        yield replace(image, unread=(DIFFERENT, *image.unread)) if is_different else image


def _name(image: ForeignImage) -> str:
    return str(image.path or image.name)
