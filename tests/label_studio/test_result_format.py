"""A result of Label Studio: what of it is ours, what is read, and what is named as unread."""

import math
import re

import pytest

from loop.label_studio.label_config import parse
from loop.label_studio.result_format import Why, read_result, write_result
from loop.regions import Box
from tests.builders import CONFIG as PLAIN
from tests.builders import ls_region, region
from tests.label_studio.builders import SHAPES, bare, brush, choice, ellipse, point, polygon, rectangle, tag

BOX = Box(0.1, 0.1, 0.4, 0.4)


def read(*results, config=SHAPES):
    return read_result(list(results), parse(config), "annotation 1")


def without(result, *keys, **changes):
    return {**result, "value": {key: value for key, value in (result["value"] | changes).items() if key not in keys}}


def test_regions_come_back_as_they_were_written():
    regions = [region("a", "Car", Box(0.1, 0.2, 0.3, 0.4), 0.9), region("b", "Person", Box(0.0, 0.0, 1.0, 1.0))]

    result = write_result(regions, parse(SHAPES), (640, 480))

    assert [one["value"]["rectanglelabels"] for one in result] == [["auto"], ["Person"]]
    for before, after in zip(regions, read(*result).regions, strict=True):
        assert (after.id, after.label, after.score) == (before.id, before.label, before.score)
        assert after.box.is_close_to(before.box, 1e-9)


@pytest.mark.parametrize(
    ("result", "label", "box", "shape"),
    [
        pytest.param(rectangle(), "Car", BOX, "", id="rectangle"),
        pytest.param(rectangle("auto"), "Car", BOX, "", id="alias"),
        pytest.param(rectangle("person"), "Person", BOX, "", id="other-case"),
        pytest.param(rectangle(x=40, width=-30, y=40, height=-30), "Car", BOX, "", id="negative-size"),
        pytest.param(rectangle(x="10", y="10.0", width="3e1", height=30), "Car", BOX, "", id="numbers-as-text"),
        pytest.param(rectangle(x=-10, width=50), "Car", Box(-0.1, 0.1, 0.4, 0.4), "", id="beyond-the-edge"),
        pytest.param(rectangle(item_index=0), "Car", BOX, "", id="first-page"),
        pytest.param(rectangle(control="was_called_so"), "Car", BOX, "", id="control-renamed-since"),
        pytest.param(polygon(), "Car", Box(0.1, 0.1, 0.4, 0.5), "polygon", id="polygon"),
        pytest.param(ellipse(), "Person", Box(0.4, 0.3, 0.6, 0.7), "ellipse", id="ellipse"),
        pytest.param(tag(), "Car", BOX, "", id="labels-alone"),
        pytest.param(without(rectangle(), "rectanglelabels", labels=["Car"]), "Car", BOX, "", id="other-key"),
        pytest.param(without(rectangle(), rectanglelabels="Car"), "Car", BOX, "", id="one-label-no-list"),
        pytest.param(without(rectangle(), rectanglelabels=[None, "Car"]), "Car", BOX, "", id="null-beside-a-label"),
    ],
)
def test_what_is_ours_is_read_as_the_box_around_it(result, label, box, shape):
    reading = read(result)

    assert not reading.unread
    (region,) = reading.regions
    assert (region.label, region.shape) == (label, shape)
    assert region.box.is_close_to(box, 1e-9)


def test_an_ellipse_that_is_turned_is_enclosed_in_pixels():
    turned = ellipse(rotation=90, original_width=400, original_height=200)

    (region,) = read(turned).regions

    assert region.box.is_close_to(Box(0.4, 0.3, 0.6, 0.7), 1e-9)  # 40 by 40 pixels: as wide as it is high
    assert region.rotation == 90


def test_a_rotated_box_becomes_its_enclosing_box_in_pixels():
    turned = without(ls_region(x=50, y=25, width=50, height=50, original_width=400, original_height=200), rotation=90)

    (region,) = read(turned).regions

    assert region.rotation == 90
    assert region.box.is_close_to(Box(0.25, 0.25, 0.5, 1.25), 1e-9)


def test_a_box_that_is_turned_may_be_as_long_as_the_other_side_of_the_image():
    tall = {"original_width": 400, "original_height": 1200}
    turned = without(ls_region(x=50, y=5, width=250, height=5, **tall), rotation=90)

    (region,) = read(turned).regions

    assert region.box.is_close_to(Box(0.35, 0.05, 0.5, 0.05 + 1000 / 1200), 1e-9)


def test_a_turned_box_in_pixels_is_broken():
    turned = without(ls_region(x=50, y=5, width=320, height=200), rotation=30)

    assert [part.why for part in read(turned).unread] == [Why.BROKEN]


@pytest.mark.parametrize("score", ["0.5", 0.5])
def test_a_score_that_is_written_as_text_is_read(score):
    assert read(rectangle(score=score)).regions[0].score == 0.5


@pytest.mark.parametrize("score", ["high", None, [], math.nan, math.inf, True, 10**400])
def test_a_score_that_is_no_number_costs_nothing_but_itself(score):
    (region,) = read(rectangle(score=score)).regions

    assert (region.score, region.label) == (None, "Car")


@pytest.mark.parametrize("results", [[bare(), tag()], [tag(), bare()], [bare(), tag("Shadow"), tag()]])
def test_a_rectangle_with_labels_of_its_own_result_is_one_region(results):
    reading = read(*results)

    assert not reading.unread
    assert [(one.label, one.box) for one in reading.regions] == [("Car", BOX)]


def test_an_object_of_which_several_labels_are_wanted_is_a_region_for_each():
    several = PLAIN.replace('name="label"', 'name="label" choice="multiple"')
    both = without(rectangle(), rectanglelabels=["Person", "Car"])

    assert [(one.id, one.label, one.further_labels) for one in read(both, config=several).regions] == [
        ("p", "Person", ()),
        ("p", "Car", ()),
    ]
    (one,) = read(both, config=PLAIN).regions
    assert (one.label, one.further_labels) == ("Person", ("Car",))


def test_the_second_label_of_a_pair_is_a_further_one():
    (region,) = read(bare(), tag("Car"), tag("Person")).regions

    assert (region.label, region.further_labels) == ("Car", ("Person",))


@pytest.mark.parametrize(
    "result",
    [
        pytest.param(polygon("Road"), id="polygon-of-another-label"),
        pytest.param(brush("Road"), id="brush-of-another-label"),
        pytest.param(tag("Shadow"), id="labels-of-another-label"),
        pytest.param(rectangle(to_name="ir"), id="other-image"),
        pytest.param(rectangle("Plane", to_name="ir"), id="unknown-label-on-the-other-image"),
        pytest.param(rectangle(item_index=1), id="other-page"),
        pytest.param(rectangle(item_index="2"), id="other-page-as-text"),
        pytest.param(rectangle(to_name="thermal"), id="image-that-the-config-lacks"),
        pytest.param(choice(), id="choice-of-a-region"),
        pytest.param({"type": "relation", "from_id": "a", "to_id": "b", "direction": "right"}, id="relation"),
        pytest.param({"type": "textarea", "from_name": "t", "to_name": "image", "value": {"text": ["Car"]}}, id="text"),
    ],
)
def test_what_says_nothing_of_our_boxes_is_left_alone(result):
    reading = read(result, rectangle(name="q"))

    assert not reading.unread
    assert [one.id for one in reading.regions] == ["q"]


@pytest.mark.parametrize(
    ("result", "why", "message"),
    [
        pytest.param(rectangle("Plane"), Why.UNKNOWN_LABEL, "Plane", id="unknown-label"),
        pytest.param(rectangle("Plane", control="gone"), Why.UNKNOWN_LABEL, "Plane", id="unknown-of-a-control-gone"),
        pytest.param(
            without(rectangle(), rectanglelabels=["Car", "Plane"]), Why.UNKNOWN_LABEL, "Plane", id="one-of-two"
        ),
        pytest.param(without(rectangle(), rectanglelabels=5), Why.UNKNOWN_LABEL, "5", id="labels-a-number"),
        pytest.param(without(rectangle(), "rectanglelabels"), Why.NO_LABEL, "without a label", id="no-labels"),
        pytest.param(without(rectangle(), rectanglelabels=[]), Why.NO_LABEL, "without a label", id="empty-labels"),
        pytest.param(without(rectangle(), rectanglelabels=[None]), Why.NO_LABEL, "without a label", id="null-label"),
        pytest.param(without(rectangle(), labels=["Person"]), Why.NO_LABEL, "differ", id="two-keys-that-differ"),
        pytest.param(bare(), Why.NO_LABEL, "without a label", id="rectangle-whose-labels-are-missing"),
        pytest.param(rectangle(x=None), Why.BROKEN, r"result\[0\]\.value\.x", id="null"),
        pytest.param(rectangle(x=math.nan), Why.BROKEN, r"value\.x", id="nan"),
        pytest.param(rectangle(width="wide"), Why.BROKEN, r"value\.width", id="text"),
        pytest.param(without(rectangle(), "height"), Why.BROKEN, r"value\.height", id="missing"),
        pytest.param(without(rectangle(), rotation=math.inf), Why.BROKEN, r"value\.rotation", id="endless-rotation"),
        pytest.param(rectangle(x=1e308, width=1e308), Why.BROKEN, "in percent of", id="far-out"),
        pytest.param(rectangle(x=640, y=480), Why.BROKEN, "percent", id="pixels-in-place-of-percent"),
        pytest.param(rectangle(x=55, y=40, width=300, height=90), Why.BROKEN, "in percent of", id="wide-pixels"),
        pytest.param(rectangle() | {"value": None}, Why.NO_LABEL, "without a label", id="no-value"),
        pytest.param(polygon(points=[(1, 1), (2, 2)]), Why.BROKEN, r"value\.points", id="polygon-of-two-points"),
        pytest.param(polygon(points=[(1, 1), (2, 2), (3,)]), Why.BROKEN, r"points\[2\]", id="half-a-point"),
        pytest.param(brush(), Why.SHAPE, "brush", id="brush"),
        pytest.param(point(), Why.SHAPE, "key point", id="key-point"),
        pytest.param("text", Why.BROKEN, "expected a region", id="no-object"),
        pytest.param(None, Why.BROKEN, "expected a region", id="null-region"),
    ],
)
def test_what_is_ours_and_not_read_is_named(result, why, message):
    reading = read(result, rectangle(name="q"))

    assert [one.id for one in reading.regions] == ["q"]
    (unread,) = reading.unread
    assert unread.why is why
    assert unread.text.startswith("annotation 1 result[")
    assert re.search(message, unread.text)


def test_a_result_that_is_on_an_image_of_another_name_alone_is_unread():
    """The image may have been renamed since: then it is no background."""
    reading = read(rectangle(to_name="img"), polygon(to_name="img"), choice())

    assert not reading.regions
    assert [unread.why for unread in reading.unread] == [Why.SHAPE, Why.SHAPE]
    assert "drawn on img, a name that the label config lacks: its image is image" in reading.unread[0].text


@pytest.mark.parametrize("result", [None, {}, "[]", 7, True, {"result": []}], ids=str)
def test_a_result_that_is_no_list_is_unread(result):
    (unread,) = read_result(result, parse(PLAIN), "annotation 1").unread

    assert unread.why is Why.NO_RESULT


def test_an_empty_result_is_read_and_says_that_nothing_is_there():
    assert read() == type(read())((), ())


def test_a_label_that_the_project_has_and_the_config_lost_is_known():
    (region,) = read_result([rectangle("Plane")], parse(SHAPES).with_classes(["Plane"]), "annotation 1").regions

    assert region.label == "Plane"


TWO = """<View><Image name="image" value="$image"/>
<RectangleLabels name="common" toName="image"><Label value="Purse"/></RectangleLabels>
<RectangleLabels name="person" toName="image"><Label value="Person" alias="p"/></RectangleLabels></View>"""


def test_two_controls_on_one_image_are_both_read_and_written_each_to_its_own():
    drawn = [rectangle("Purse", control="common", name="a"), rectangle("p", control="person", name="b")]

    reading = read(*drawn, config=TWO)

    assert [(one.id, one.label) for one in reading.regions] == [("a", "Purse"), ("b", "Person")]
    written = write_result(reading.regions, parse(TWO), (640, 480))
    assert [(one["from_name"], one["value"]["rectanglelabels"]) for one in written] == [
        ("common", ["Purse"]),
        ("person", ["p"]),
    ]
