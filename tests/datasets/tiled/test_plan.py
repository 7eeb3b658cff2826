"""Which tiles a detector is trained on."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loop.datasets.tiled.plan import choose_tiles, is_visible, plan_tiles
from loop.datasets.yolo_format import read_lines
from loop.label_studio.classes import ClassIndex
from loop.regions import Box, Region
from loop.vision.tiling.tiles import Tiling

CLASSES = ClassIndex.of(["Car", "Person"])
SIZE, TILING = (1000, 600), Tiling(400, 100)


def planned(*boxes, size=SIZE, tiling=TILING, **how):
    """Plan the tiles of an image with boxes in pixels."""
    regions = [
        Region(str(number), Box(box[0] / size[0], box[1] / size[1], box[2] / size[0], box[3] / size[1]), "Person")
        for number, box in enumerate(boxes)
    ]
    return list(plan_tiles(1, regions, size, tiling, CLASSES, **how))


def on(planned_tile):
    """The boxes of a tile in pixels of the image."""
    tile = planned_tile.tile
    for region in read_lines(planned_tile.text, CLASSES.names):
        box = region.box
        yield tuple(
            round(number, 2)
            for number in (
                tile.left + box.x0 * tile.width,
                tile.top + box.y0 * tile.height,
                tile.left + box.x1 * tile.width,
                tile.top + box.y1 * tile.height,
            )
        )


def test_a_box_is_on_each_tile_that_shows_most_of_it_clipped():
    tiles = planned((250, 10, 430, 60))  # tiles begin at 0, 300 and 600

    assert [(one.tile.left, list(on(one)), one.clipped) for one in tiles if one.boxes] == [
        (0, [(250, 10, 400, 60)], 1),
        (300, [(300, 10, 430, 60)], 1),
    ]


def test_a_tile_with_no_more_than_a_sliver_of_an_object_teaches_nothing():
    alone = planned((380, 10, 430, 60))  # the first tile shows 20 of 50 pixels

    beside_another = planned((380, 10, 430, 60), (150, 10, 160, 20))

    assert [one.tile.left for one in alone if one.tile.top == 0] == [300, 600]
    first = next(one for one in beside_another if (one.tile.left, one.tile.top) == (0, 0))
    assert list(on(first)) == [(150, 10, 160, 20)]


def test_a_box_larger_than_a_tile_is_on_the_tiles_that_it_fills():
    tiles = planned((0, 0, 1000, 600))

    assert len(tiles) == 6
    assert all(one.boxes == 1 for one in tiles)


@given(st.data())
def test_every_box_is_on_some_tile_and_none_reaches_beyond_it(data):
    side = data.draw(st.integers(20, 200))
    tiling, size = Tiling(side, data.draw(st.integers(1, side // 2))), (data.draw(st.integers(10, 600)), 300)
    xs = sorted(data.draw(st.lists(st.integers(0, size[0]), min_size=2, max_size=2, unique=True)))
    ys = sorted(data.draw(st.lists(st.integers(0, size[1]), min_size=2, max_size=2, unique=True)))

    tiles = planned((xs[0], ys[0], xs[1], ys[1]), size=size, tiling=tiling)

    assert sum(one.boxes for one in tiles) >= 1
    for one in tiles:
        for left, top, right, bottom in on(one):
            assert one.tile.left - 0.01 <= left < right <= one.tile.right + 0.01
            assert one.tile.top - 0.01 <= top < bottom <= one.tile.bottom + 0.01
    assert not [one for one in tiles if not one.boxes and _meets(one.tile, xs, ys)]


def _meets(tile, xs, ys):
    return xs[0] < tile.right and tile.left < xs[1] and ys[0] < tile.bottom and tile.top < ys[1]


@pytest.mark.parametrize(
    ("box", "visible"),
    [
        pytest.param(Box(-0.1, 0.2, 0.1, 0.3), True, id="half"),
        pytest.param(Box(-0.2, 0.2, 0.1, 0.3), False, id="a-third"),
        pytest.param(Box(-3.0, 0.2, 0.6, 0.3), True, id="more-than-half-of-the-tile"),
        pytest.param(Box(-3.0, 0.2, 0.4, 0.3), False, id="less-than-half-of-the-tile"),
    ],
)
def test_what_is_visible_is_measured_by_what_a_tile_could_show(box, visible):
    assert is_visible(box) is visible


def test_of_empty_tiles_only_a_share_is_trained_on_the_same_ones_every_time():
    tiles = [one for task in range(40) for one in (replace(tile, task=task) for tile in planned((10, 10, 40, 40)))]

    chosen = choose_tiles(tiles, 0.2)

    empty = [one for one in chosen if not one.boxes]
    assert len(chosen) - len(empty) == 40
    assert len(empty) == 10
    assert chosen == choose_tiles(list(reversed(tiles)), 0.2)[::-1]
    assert choose_tiles(tiles, 1.0) == tiles
    assert choose_tiles(tiles, 0.0) == [one for one in tiles if one.boxes]


def test_empty_tiles_of_an_image_with_a_false_positive_come_first():
    easy = [replace(one, task=2) for one in planned()]
    hard = [replace(one, task=3) for one in planned(is_hard=True)]
    with_box = [replace(one, task=task) for task in range(10, 28) for one in planned((10, 10, 40, 40)) if one.boxes]

    chosen = choose_tiles([*easy, *hard, *with_box], 0.1)

    assert {one.task for one in chosen if not one.boxes} == {3}


def test_of_images_with_nothing_on_them_one_tile_at_least_is_trained_on():
    assert len(choose_tiles(planned(), 0.1)) == 1
