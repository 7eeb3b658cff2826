"""The label configs that people copy: each is read as docs/label-configs.md says."""

import re
from pathlib import Path

import pytest

from loop.label_studio.label_config import parse
from loop.label_studio.match_control import find_control
from loop.label_studio.result_format import read_result, write_result
from loop.regions import Box, Region
from tests.label_studio.builders import ellipse, point, polygon, rectangle

FILES = {path.name: path.read_text() for path in Path("label_config").glob("*.xml")}
EVERY = pytest.mark.parametrize("name", sorted(FILES))


def read(name, *results):
    return read_result(list(results), parse(FILES[name]), "review")


@EVERY
def test_it_stands_in_the_table_of_the_docs(name):
    rows = re.findall(r"^\| `label_config/([\w.]+)` \|", Path("docs/label-configs.md").read_text(), re.MULTILINE)

    assert rows.count(name) == 1


@EVERY
def test_a_box_of_each_label_is_written_and_read_again(name):
    config = parse(FILES[name])
    boxes = [Region(f"r{n}", Box(0.1, 0.1, 0.2 + n / 10, 0.4), label) for n, label in enumerate(config.label_names)]

    reading = read_result(write_result(boxes, config, (1000, 1000)), config, "review")

    assert [(region.label, region.id) for region in reading.regions] == [(box.label, box.id) for box in boxes]
    assert not reading.unread


def test_an_object_may_have_several_labels_only_where_the_config_says_so():
    several = {name for name, xml in FILES.items() if parse(xml).several}

    assert several == {"several_labels.xml"}


def test_shapes_are_read_as_the_boxes_around_them():
    round_one = {**ellipse("Stain"), "from_name": "ellipse"}
    with_corners = {**polygon("Leaf"), "from_name": "polygon"}

    reading = read("shapes.xml", round_one, with_corners)

    assert [region.label for region in reading.regions] == ["Stain", "Leaf"]
    assert not reading.unread


def test_a_key_point_with_one_of_our_labels_is_named_and_no_box():
    reading = read("click_tools.xml", point("Person"))

    assert reading.regions == ()
    assert "a key point has no extent" in reading.unread[0].text


def test_boxes_on_the_second_image_are_not_ours():
    first, second = ({**rectangle("Person", name=image), "to_name": image} for image in ("rgb", "infrared"))

    reading = read("several_images.xml", first, second)

    assert [region.id for region in reading.regions] == ["rgb"]


def test_a_box_has_a_category_only_where_the_config_has_a_place_for_it():
    assert {name for name, xml in FILES.items() if find_control(xml)} == {"rectangles_taxonomy.xml"}
