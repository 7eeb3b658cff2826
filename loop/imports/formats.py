"""The formats of datasets from elsewhere."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from loop.errors import PayloadError
from loop.imports.coco import read_coco
from loop.imports.foreign import ForeignDataset
from loop.imports.voc import read_voc
from loop.imports.yolo import read_yolo


class DatasetFormat(StrEnum):
    """A format of datasets."""

    YOLO = "yolo"
    COCO = "coco"
    VOC = "voc"


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
    """Read all labels of a dataset, without its images. Raises PayloadError where it has none of that format."""
    dataset = READERS[kind](root)
    images, boxes = 0, Counter[str]()
    for image in dataset.read():
        images += 1
        boxes.update(box.label for box in image.boxes)
    if not images:
        raise PayloadError(str(root), f"a dataset in the format {kind}", "no image in it")
    return LookedThrough(dataset, images, dict(boxes.most_common()))
