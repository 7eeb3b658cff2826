"""Aerial photos of trees with boxes that people drew: those of the package deepforest, fetched at the first use."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from defusedxml.ElementTree import parse
from PIL import Image

from loop.datasets.snapshots import LabelledImage
from loop.datasets.splits import Side
from loop.datasets.tiled.plan import is_visible
from loop.regions import Box, Region
from loop.vision.tiling.tiles import Tile, Tiling
from scripts import setup
from scripts.assets import Asset

DEEPFOREST = Asset("deepforest", "2.1.0", "8c2798d8e9be7f0004b194fe207b76c1d9fff6e711b3db67b9508dcd5d00ae54", "pip")
PHOTOS = {  # by the side that they are used on
    Side.TRAIN: "2019_YELL_2_528000_4978000_image_crop2",
    Side.HELD_OUT: "2019_YELL_2_541000_4977000_image_crop",
}
PIECES = Tiling(1250, 1)  # of the larger photo: as large as the other one
LABEL = "Tree"


def cut_photos(folder: Path) -> Iterator[tuple[Side, LabelledImage, Path]]:
    """
    Write the photos into *folder*, and yield each with its side, its boxes and its file.

    The larger one becomes four, of the size of the other one, which is held out. A box on the border of two is on those
    that show at least half of it.
    """
    assets = setup.CACHE / "assets" / DEEPFOREST.name
    setup.ensure(assets, f"{DEEPFOREST.name} {DEEPFOREST.version}", setup.fetch(DEEPFOREST))
    number = 0
    for side, name in PHOTOS.items():
        photo = Image.open(assets / "deepforest" / "data" / f"{name}.png").convert("RGB")
        boxes = list(_read_boxes(assets / "deepforest" / "data" / f"{name}.xml"))
        for piece in PIECES.cut(*photo.size):
            number += 1
            path = folder / f"{number}.png"
            photo.crop((piece.left, piece.top, piece.right, piece.bottom)).save(path)
            regions = [Region(str(at), box, LABEL) for at, box in enumerate(_place(boxes, piece)) if is_visible(box)]
            yield side, LabelledImage(number, str(path), tuple(regions)), path


def _place(boxes: list[tuple[float, ...]], piece: Tile) -> Iterator[Box]:
    """Yield the boxes that are at least partly on a piece, in fractions of it."""
    corner, size = np.array([piece.left, piece.top] * 2), np.array([piece.width, piece.height] * 2)
    for sides in boxes:
        box = Box(*((np.array(sides) - corner) / size).tolist())
        if box.clip().area > 0:
            yield box


def _read_boxes(path: Path) -> Iterator[tuple[float, ...]]:
    """Yield the boxes of a file in the format of Pascal VOC, in pixels."""
    for box in parse(path).iter("bndbox"):
        yield tuple(float(box.findtext(side)) for side in ("xmin", "ymin", "xmax", "ymax"))
