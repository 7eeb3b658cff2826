"""Boxes and regions."""

import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loop.regions import Box, LabelSource, Region, enclosing, find_doubles, mark_doubles, read_region, write_region

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


APPLE, NEARLY, WHEEL = Box(0.1, 0.1, 0.5, 0.5), Box(0.1, 0.1, 0.5, 0.48), Box(0.2, 0.3, 0.35, 0.45)


def test_two_boxes_on_one_object_are_a_box_and_its_double():
    assert find_doubles([APPLE, NEARLY], ["", ""]) == [None, 0]


def test_a_thing_within_another_thing_is_no_double():
    assert find_doubles([APPLE, WHEEL], ["", ""]) == [None, None]


def test_boxes_of_other_kinds_are_no_doubles():
    assert find_doubles([APPLE, NEARLY, APPLE], ["thing", "state", "state"]) == [None, None, 1]


def test_a_double_has_no_doubles_itself():
    """The third box shows the object of the second, but not that of the first: it stands."""
    first, second, third = (Box(left, 0, left + 1, 1) for left in (0.0, 0.15, 0.3))

    assert find_doubles([first, second, third], ["", "", ""]) == [None, 0, None]


@given(st.lists(boxes(), max_size=8))
def test_every_double_is_of_a_box_that_stands_before_it(drawn):
    doubles = find_doubles(drawn, [""] * len(drawn))

    assert all(double is None or (double < place and doubles[double] is None) for place, double in enumerate(doubles))


def test_the_surest_box_stands_in_whatever_order_they_come():
    regions = [Region("vegetable", APPLE, "Vegetable", 0.29), Region("fruit", NEARLY, "Fruit", 0.34)]

    fruit, vegetable = mark_doubles(regions, lambda _: "")

    assert (fruit.label, fruit.double_of, vegetable.label, vegetable.double_of) == ("Fruit", "", "Vegetable", "fruit")
    assert read_region(write_region(vegetable)) == vegetable


def test_the_source_of_a_label_survives_the_records():
    source = LabelSource("dog", 0.4, 0.81, (("reference", 0.93), ("another", 0.9)))
    region = Region("a", Box(0.1, 0.1, 0.3, 0.3), "Person", 0.57, source=source)

    assert read_region(json.loads(json.dumps(write_region(region)))) == region
    assert "source" not in write_region(replace(region, source=None))
