"""Boxes and regions."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loop.regions import Box, enclosing

sides = st.floats(-0.5, 1.5)


@st.composite
def boxes(draw):
    x0, x1 = sorted((draw(sides), draw(sides)))
    y0, y1 = sorted((draw(sides), draw(sides)))
    return Box(x0, y0, x1, y1)


def test_a_box_overlaps_itself_fully():
    assert Box(0.1, 0.2, 0.5, 0.9).iou(Box(0.1, 0.2, 0.5, 0.9)) == pytest.approx(1.0)


def test_half_of_a_box_overlaps_by_half():
    assert Box(0, 0, 1, 1).iou(Box(0, 0, 0.5, 1)) == pytest.approx(0.5)


@given(boxes(), boxes())
def test_overlap_is_mutual_and_a_share(box, other):
    assert box.iou(other) == pytest.approx(other.iou(box))
    assert 0.0 <= box.iou(other) <= 1.0 + 1e-9


@given(boxes())
def test_what_is_clipped_lies_on_the_image(box):
    clipped = box.clip()

    assert all(0.0 <= side <= 1.0 for side in (clipped.x0, clipped.y0, clipped.x1, clipped.y1))


def test_a_quarter_turn_swaps_the_sides_in_pixels():
    # 200 x 100 px at the centre of a 400 x 200 px image, turned clockwise about its top left corner
    turned = enclosing(Box(0.5, 0.25, 1.0, 0.75), 90, aspect=2.0)

    assert (turned.x0, turned.x1) == pytest.approx((0.25, 0.5))
    assert (turned.y0, turned.y1) == pytest.approx((0.25, 1.25))


def test_no_turn_changes_nothing():
    assert enclosing(Box(0.1, 0.1, 0.2, 0.2), 0, aspect=1.5) == Box(0.1, 0.1, 0.2, 0.2)
