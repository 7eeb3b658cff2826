"""
Joins the detections of overlapping tiles to those of the whole image: each object once, with its whole box. Pure.

An object that lies on several tiles is detected on each of them, whole or cut at the border of the tile. Two detections
are of one object if they look the same where both tiles look: a whole one is compared as the other tile would cut it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from loop.overlap import measure_iou
from loop.vision.tiling.tiles import Tile

Rows = NDArray[np.float64]  # (detections, 6): `xyxy` in pixels of the image, confidence, class id
Boxes = NDArray[np.float64]  # (boxes, 4): `xyxy` in pixels of the image

SAME = 0.5  # IoU, of the parts that both tiles show, from which two detections are of one object
BORDER = 64  # a detection is cut where it ends nearer than this fraction of a tile's side to a border of the tile
DIGITS = 9  # of an IoU: rounding errors do not decide which pair comes first


@dataclass(frozen=True, slots=True)
class _Pair:
    """Two detections of two tiles that may be of one object, by their places among all rows."""

    iou: float
    cut: int  # how many of the two are cut
    first: int
    second: int

    @property
    def rank(self) -> tuple[float, int, int, int]:
        """The likeliest pair has the least rank; whole detections say more about an object than cut ones."""
        return -self.iou, self.cut, self.first, self.second


def merge(tiles: Sequence[Tile], found: Sequence[Rows], size: tuple[int, int]) -> Rows:
    """
    Return the detections of an image of this *size* (width, height) from those *found* on each of its tiles.

    Detections of one object are one row: the box of its surest whole detection, or, of an object that no tile shows
    whole, the box around its parts; with the highest confidence. Detections of one tile are never of one object. A part
    is left out if another tile shows it with all around it, and found no such object there.
    """
    rows = np.concatenate([np.zeros((0, 6)), *found])
    tile_of = np.repeat(np.arange(len(tiles)), [len(of_tile) for of_tile in found])
    inner = _find_inner(tiles, size)
    cut = ~_lies_in(rows, inner[tile_of])
    pairs = sorted(_list_pairs(tiles, rows, cut, tile_of), key=lambda pair: pair.rank)
    joined: list[Rows] = []
    for group in _join(pairs, tile_of.tolist()):
        row = _combine(rows[group], cut[group])
        if not cut[group].all() or not _lies_in(row[None], inner).any():
            joined.append(row)
    return np.array(joined).reshape(-1, 6)


def _find_inner(tiles: Sequence[Tile], size: tuple[int, int]) -> Boxes:
    """Return the part of each tile that lies apart from those of its borders that are no borders of the image."""
    return np.array(
        [
            [
                tile.left + (tile.width / BORDER if tile.left > 0 else 0),
                tile.top + (tile.height / BORDER if tile.top > 0 else 0),
                tile.right - (tile.width / BORDER if tile.right < size[0] else 0),
                tile.bottom - (tile.height / BORDER if tile.bottom < size[1] else 0),
            ]
            for tile in tiles
        ]
    )


def _lies_in(rows: Rows, areas: Boxes) -> NDArray[np.bool_]:
    """Tell of each row and area, one by one or one of them with each of the others, whether the box lies in it."""
    sides = (rows[:, :2] >= areas[:, :2]) & (rows[:, 2:4] <= areas[:, 2:])
    lies: NDArray[np.bool_] = np.all(sides, axis=1)
    return lies


def _list_pairs(
    tiles: Sequence[Tile], rows: Rows, cut: NDArray[np.bool_], tile_of: NDArray[np.intp]
) -> Iterator[_Pair]:
    places = [np.flatnonzero(tile_of == number) for number in range(len(tiles))]
    areas = np.array([[tile.left, tile.top, tile.right, tile.bottom] for tile in tiles], np.float64)
    for number, tile in enumerate(tiles):
        for other in (number + 1 + np.flatnonzero(_reaches(areas[number + 1 :], tile))).tolist():
            ours = places[number][_reaches(rows[places[number]], tiles[other])]
            theirs = places[other][_reaches(rows[places[other]], tile)]
            if ours.size and theirs.size:
                yield from _pair(rows, cut, (ours, theirs), (tile, tiles[other]))


def _pair(
    rows: Rows, cut: NDArray[np.bool_], places: tuple[NDArray[np.intp], NDArray[np.intp]], tiles: tuple[Tile, Tile]
) -> Iterator[_Pair]:
    """Pair detections of two tiles. Beside a cut detection, the other counts only as far as the cut one's tile goes."""
    first, second = places
    for is_cut, is_other_cut in ((False, False), (False, True), (True, False), (True, True)):
        ours, theirs = first[cut[first] == is_cut], second[cut[second] == is_other_cut]
        our_boxes = _clip(rows[ours, :4], tiles[1]) if is_other_cut else rows[ours, :4]
        their_boxes = _clip(rows[theirs, :4], tiles[0]) if is_cut else rows[theirs, :4]
        iou = measure_iou(our_boxes, their_boxes).round(DIGITS)
        iou[rows[ours, 5][:, None] != rows[theirs, 5]] = 0.0
        for at, other_at in np.argwhere(iou >= SAME).tolist():
            yield _Pair(float(iou[at, other_at]), is_cut + is_other_cut, int(ours[at]), int(theirs[other_at]))


def _join(pairs: Sequence[_Pair], tile_of: Sequence[int]) -> list[list[int]]:
    """Join the detections of one object, the likeliest pairs first; no two of a group are of one tile."""
    groups = {place: [place] for place in range(len(tile_of))}
    group_of = list(range(len(tile_of)))
    tiles = [{tile} for tile in tile_of]
    for pair in pairs:
        first, second = group_of[pair.first], group_of[pair.second]
        if first == second or not tiles[first].isdisjoint(tiles[second]):
            continue
        for place in groups[second]:
            group_of[place] = first
        groups[first] += groups.pop(second)
        tiles[first] |= tiles[second]
    return list(groups.values())


def _combine(rows: Rows, cut: NDArray[np.bool_]) -> Rows:
    """Return the one row of detections of one object."""
    combined: Rows = rows[0].copy()
    whole = rows[~cut]
    if len(whole):
        combined[:4] = whole[whole[:, 4].argmax(), :4]
    else:
        combined[:2], combined[2:4] = rows[:, :2].min(axis=0), rows[:, 2:4].max(axis=0)
    combined[4] = rows[:, 4].max()
    return combined


def _reaches(boxes: Boxes, tile: Tile) -> NDArray[np.bool_]:
    """Tell of each box, or of each of rows, whether a part of it is on a tile."""
    left, top, right, bottom = boxes[:, :4].T
    reaches: NDArray[np.bool_] = (left < tile.right) & (right > tile.left) & (top < tile.bottom) & (bottom > tile.top)
    return reaches


def _clip(boxes: Boxes, tile: Tile) -> Boxes:
    sides = [tile.left, tile.top, tile.left, tile.top], [tile.right, tile.bottom, tile.right, tile.bottom]
    return boxes.clip(*sides)
