"""Images cut into tiles."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loop.vision.tiling.tiles import Tiling, read_tiling

tilings = st.integers(32, 300).flatmap(lambda side: st.builds(Tiling, st.just(side), st.integers(1, side // 2)))
sizes = st.tuples(st.integers(1, 900), st.integers(1, 900))


@given(tilings, sizes)
def test_tiles_cover_the_image_and_nothing_beside_it(tiling, size):
    tiles = tiling.cut(*size)

    for tile in tiles:
        assert 0 <= tile.left < tile.right <= size[0]
        assert 0 <= tile.top < tile.bottom <= size[1]
        assert (tile.width, tile.height) == (min(size[0], tiling.side), min(size[1], tiling.side))
    for side, spans in (
        (size[0], {(tile.left, tile.right) for tile in tiles}),
        (size[1], {(tile.top, tile.bottom) for tile in tiles}),
    ):
        assert {place for low, high in spans for place in range(low, high)} == set(range(side))


@given(tilings, sizes, st.data())
def test_every_box_no_larger_than_the_overlap_is_whole_on_some_tile(tiling, size, data):
    width, height = (data.draw(st.integers(1, min(side, tiling.overlap))) for side in size)
    left, top = data.draw(st.integers(0, size[0] - width)), data.draw(st.integers(0, size[1] - height))

    whole = [
        tile
        for tile in tiling.cut(*size)
        if tile.left <= left and tile.top <= top and left + width <= tile.right and top + height <= tile.bottom
    ]

    assert whole


@given(tilings, sizes)
def test_no_tile_could_be_left_out(tiling, size):
    tiles = tiling.cut(*size)

    assert len(set(tiles)) == len(tiles)
    step = tiling.side - tiling.overlap
    for side, starts in ((size[0], {tile.left for tile in tiles}), (size[1], {tile.top for tile in tiles})):
        assert len(starts) == max(1, -(-(side - tiling.overlap) // step))


def test_a_tile_larger_than_the_image_is_the_image():
    (tile,) = Tiling(640, 128).cut(640, 200)

    assert (tile.left, tile.top, tile.right, tile.bottom) == (0, 0, 640, 200)


def test_a_long_image_is_cut_into_few_tiles():
    tiles = Tiling.of(640, 0.2).cut(20_000, 2_000)

    assert len(tiles) == 39 * 4


def test_a_tiling_is_read_back_from_its_json():
    assert read_tiling(Tiling(640, 128).as_json()) == Tiling(640, 128)
    assert read_tiling(None) is None


@pytest.mark.parametrize(
    "content",
    [
        pytest.param({"side": 640}, id="no-overlap"),
        pytest.param({"side": 640, "overlap": 640}, id="nothing-but-overlap"),
        pytest.param({"side": 640, "overlap": 321}, id="more-overlap-than-LOOP_TILE_OVERLAP-allows"),
        pytest.param({"side": 8, "overlap": 1}, id="tiny"),
        pytest.param({"side": True, "overlap": 1}, id="no-number"),
        pytest.param({"side": 640.5, "overlap": 1}, id="no-whole-number"),
        pytest.param([640, 128], id="a-list"),
    ],
)
def test_a_tiling_that_makes_no_sense_is_refused(content):
    with pytest.raises(ValueError, match="expected a side from 32 to 8192 pixels"):
        read_tiling(content)
