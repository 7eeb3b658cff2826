"""Chooses the tiles that a detector is trained on, and the boxes on each. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from loop.datasets.selection import count_background
from loop.datasets.yolo_format import Note, write_lines
from loop.draws import draw_number
from loop.label_studio.classes import ClassIndex
from loop.regions import Box, Region
from loop.vision.tiling.tiles import Tile, Tiling

LEAST_VISIBLE = 0.5  # of both sides of a box, or of a tile that the box is larger than: then a tile has the box


@dataclass(frozen=True, slots=True)
class PlannedTile:
    """
    A tile of the image of a task that a detector may be trained on: *text* are its label lines, empty for background.

    *clipped* counts the boxes that it shows only a part of. *is_hard*: a detector had a false positive on the image.
    """

    task: int
    tile: Tile
    text: str
    boxes: int
    clipped: int
    is_hard: bool = False


def plan_tiles(
    task: int,
    regions: Sequence[Region],
    size: tuple[int, int],
    tiling: Tiling,
    classes: ClassIndex,
    *,
    is_hard: bool = False,
) -> Iterator[PlannedTile]:
    """
    Yield the tiles of an image of a *size* (width, height) in pixels, each with the boxes that are visible on it.

    A tile is left out if it shows parts of objects too small for a box, and no object: it would teach that nothing is
    there. Every box is on at least one tile.
    """
    width, height = size
    for tile in tiling.cut(width, height):
        shown = [(region, tile.place(region.box, size)) for region in regions]
        shown = [(region, box) for region, box in shown if box.clip().area > 0]
        visible = [replace(region, box=box) for region, box in shown if is_visible(box)]
        if visible or not shown:
            lines = write_lines(visible, classes)
            yield PlannedTile(task, tile, lines.text, lines.boxes, lines.notes[Note.CLIPPED], is_hard)


def choose_tiles(tiles: Iterable[PlannedTile], background_share: float) -> list[PlannedTile]:
    """
    Return the tiles with a box, and of those without as many as their share among all allows; at least one in all.

    Those of images with a false positive come first, then a hash of task and place decides. The order stays.
    """
    every = list(tiles)
    empty = [tile for tile in every if not tile.boxes]
    with_box = len(every) - len(empty)
    most = max(count_background(with_box, background_share, len(empty)), 0 if with_box else 1)
    empty.sort(key=lambda one: (not one.is_hard, draw_number("tile", one.task, one.tile.left, one.tile.top)))
    left_out = {(one.task, one.tile) for one in empty[most:]}
    return [one for one in every if (one.task, one.tile) not in left_out]


def is_visible(box: Box) -> bool:
    """Whether a tile shows enough of a box, given in fractions of the tile, to have it: LEAST_VISIBLE of each side."""
    shown = box.clip()
    spans = ((shown.x1 - shown.x0, box.x1 - box.x0), (shown.y1 - shown.y0, box.y1 - box.y0))
    return all(part >= LEAST_VISIBLE * min(whole, 1.0) for part, whole in spans)
