"""Detections of tiles that become those of the image."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from loop.vision.tiling.merging import BORDER, merge
from loop.vision.tiling.tiles import Tile, Tiling
from tests.vision.tiling.builders import look_perfectly, rows

LEFT, RIGHT, SIZE = Tile(0, 0, 640, 640), Tile(512, 0, 1152, 640), (1152, 640)


def merged(boxes, tiling, size):
    tiles = tiling.cut(*size)
    return merge(tiles, [look_perfectly(tile, boxes) for tile in tiles], size)


def as_set(found):
    return sorted(map(tuple, np.asarray(found).tolist()))


@st.composite
def small_boxes(draw):
    """A tiling, the size of an image, and boxes of any places that some tile shows whole, away from its borders."""
    side = draw(st.integers(64, 160))
    tiling = Tiling(side, draw(st.integers(side // 10, side // 2)))
    size = draw(st.integers(10, 500)), draw(st.integers(10, 500))
    most = tiling.overlap - 2 * (side // BORDER + 1)
    boxes = set()
    for _ in range(draw(st.integers(0, 20))):
        width, height = (draw(st.integers(1, max(1, min(most, length)))) for length in size)
        left, top = draw(st.integers(0, size[0] - width)), draw(st.integers(0, size[1] - height))
        boxes.add((left, top, left + width, top + height, draw(st.integers(0, 1))))
    return tiling, size, sorted(boxes)


@given(small_boxes())
def test_a_perfect_detector_finds_small_objects_once_each_wherever_they_lie(case):
    tiling, size, boxes = case

    assert as_set(merged(boxes, tiling, size)) == as_set(rows(boxes))


@st.composite
def apart_boxes(draw):
    """A tiling, the size of an image, and boxes of any size, of which no two of a class share a pixel."""
    side = draw(st.integers(32, 128))
    tiling = Tiling(side, draw(st.integers(side // 10 + 1, side // 2)))
    size = draw(st.integers(10, 500)), draw(st.integers(10, 500))
    boxes = []
    for _ in range(draw(st.integers(0, 12))):
        xs = sorted(draw(st.lists(st.integers(0, size[0]), min_size=2, max_size=2, unique=True)))
        ys = sorted(draw(st.lists(st.integers(0, size[1]), min_size=2, max_size=2, unique=True)))
        box = (xs[0], ys[0], xs[1], ys[1], draw(st.integers(0, 1)))
        if not any(one[4] == box[4] and _meet(one, box) for one in boxes):
            boxes.append(box)
    return tiling, size, boxes


def _meet(one, other):
    return one[0] < other[2] and other[0] < one[2] and one[1] < other[3] and other[1] < one[3]


@given(apart_boxes())
def test_a_perfect_detector_finds_objects_larger_than_a_tile_whole(case):
    tiling, size, boxes = case

    assert as_set(merged(boxes, tiling, size)) == as_set(rows(boxes))


@st.composite
def anything(draw):
    """A tiling, the size of an image, and detections of any kind on each tile."""
    side = draw(st.integers(32, 128))
    tiling = Tiling(side, draw(st.integers(4, side // 2)))
    size = draw(st.integers(10, 300)), draw(st.integers(10, 300))
    found = []
    for tile in tiling.cut(*size):
        of_tile = []
        for _ in range(draw(st.integers(0, 4))):
            xs = sorted(draw(st.floats(tile.left, tile.right)) for _ in range(2))
            ys = sorted(draw(st.floats(tile.top, tile.bottom)) for _ in range(2))
            of_tile.append([xs[0], ys[0], xs[1], ys[1], draw(st.floats(0, 1)), draw(st.integers(0, 2))])
        found.append(np.array(of_tile, float).reshape(-1, 6))
    return tiling, size, found


@given(anything())
def test_nothing_is_outside_the_image_and_nothing_whole_is_lost(case):
    tiling, size, found = case
    tiles = tiling.cut(*size)

    whole = merge(tiles, found, size)

    every = np.concatenate(found)
    assert len(whole) <= len(every)
    assert ((whole[:, :4] >= 0) & (whole[:, :4] <= [*size, *size])).all()
    for tile, of_tile in zip(tiles, found, strict=True):
        apart = is_apart(tile, of_tile, size)
        for box in of_tile[apart]:
            assert box[4] <= whole[whole[:, 5] == box[5], 4].max()


def is_apart(tile, boxes, size):
    """Which boxes are far from those borders of a tile that are no borders of the image."""
    far = tile.width / BORDER + 1, tile.height / BORDER + 1
    lows = tile.left + far[0] * (tile.left > 0), tile.top + far[1] * (tile.top > 0)
    highs = tile.right - far[0] * (tile.right < size[0]), tile.bottom - far[1] * (tile.bottom < size[1])
    return (boxes[:, :2] >= lows).all(axis=1) & (boxes[:, 2:4] <= highs).all(axis=1)


def row(left, right, confidence=0.5, class_id=0):
    return np.array([[left, 100, right, 200, confidence, class_id]], float)


def test_a_part_at_the_border_of_its_tile_is_no_object_of_its_own():
    found = merge([LEFT, RIGHT], [row(560, 640, 0.8), row(562, 700, 0.6)], SIZE)

    assert found.tolist() == [[562, 100, 700, 200, 0.8, 0]]


def test_the_parts_of_an_object_that_no_tile_shows_whole_become_one_box():
    found = merge([LEFT, RIGHT], [row(300, 639, 0.6), row(514, 900, 0.7)], SIZE)

    assert found.tolist() == [[300, 100, 900, 200, 0.7, 0]]


def test_two_objects_that_a_border_passes_stay_two():
    found = merge([LEFT, RIGHT], [row(505, 600), row(530, 660)], SIZE)

    assert len(found) == 2


def test_objects_of_two_classes_stay_two():
    assert len(merge([LEFT, RIGHT], [row(560, 620), row(560, 620, class_id=1)], SIZE)) == 2


def test_a_part_that_another_tile_shows_whole_and_takes_for_something_else_is_left_out():
    found = merge([LEFT, RIGHT], [row(560, 640, 0.8), row(560, 700, 0.6, class_id=1)], SIZE)

    assert found.tolist() == [[560, 100, 700, 200, 0.6, 1]]


def test_a_part_of_an_object_that_no_tile_shows_whole_stays_though_the_other_tile_has_missed_it():
    found = merge([LEFT, RIGHT], [row(450, 640, 0.8), np.zeros((0, 6))], SIZE)

    assert found.tolist() == [[450, 100, 640, 200, 0.8, 0]]


def test_without_a_detection_there_is_none():
    assert merge([LEFT, RIGHT], [np.zeros((0, 6)), np.zeros((0, 6))], SIZE).shape == (0, 6)
