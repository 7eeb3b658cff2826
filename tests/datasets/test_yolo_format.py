"""YOLO's label lines."""

import pytest
import yaml

from loop.datasets.yolo_format import Note, read_lines, write_data_file, write_lines
from loop.errors import PayloadError
from loop.label_studio.classes import ClassIndex
from loop.regions import Box, Region
from tests.builders import region

IDS = ClassIndex.of(["Car", "Person"])


def test_a_line_is_class_centre_and_size():
    lines = write_lines([region(label="Person", at=Box(0.2, 0.4, 0.4, 0.8))], IDS)

    assert lines.text == "1 0.300000 0.600000 0.200000 0.400000\n"
    assert not lines.notes


def test_lines_come_back_as_they_were_written():
    regions = [region("1", "Car", Box(0.25, 0.25, 0.5, 0.75)), region("2", "Person", Box(0, 0, 1, 1))]

    back = read_lines(write_lines(regions, IDS).text, ["Car", "Person"])

    assert [(one.label, one.box) for one in back] == [(one.label, one.box) for one in regions]


def test_a_box_over_the_edge_is_clipped_and_counted():
    lines = write_lines([region(at=Box(-0.5, 0.0, 0.5, 1.0))], IDS)

    assert lines.text == "0 0.250000 0.500000 0.500000 1.000000\n"
    assert lines.notes == {Note.CLIPPED: 1}


@pytest.mark.parametrize("at", [Box(0.2, 0.2, 0.2, 0.5), Box(1.2, 0.2, 1.5, 0.5), Box(0.5, 0.5, 0.4, 0.6)])
def test_a_box_without_extent_is_dropped_and_counted(at):
    lines = write_lines([region(at=at)], IDS)

    assert (lines.text, lines.boxes, lines.notes) == ("", 0, {Note.EMPTY: 1})


def test_a_rotated_box_is_counted():
    lines = write_lines([Region("a", Box(0.1, 0.1, 0.2, 0.2), "Car", rotation=30)], IDS)

    assert lines.notes == {Note.ROTATED: 1}


def test_the_data_file_names_classes_by_id():
    data = yaml.safe_load(write_data_file(ClassIndex.of(["Car", 'a "quoted": name', "yes"])))

    assert data["names"] == {0: "Car", 1: 'a "quoted": name', 2: "yes"}
    assert (data["train"], data["val"]) == ("images/train", "images/held_out")


@pytest.mark.parametrize("number", [float("nan"), float("inf"), None, "0.5"])
@pytest.mark.parametrize("side", range(4))
def test_a_box_that_is_not_four_numbers_is_refused_and_never_clipped_into_one(number, side):
    sides = [0.1, 0.1, 0.4, 0.4]
    sides[side] = number

    with pytest.raises(PayloadError, match="four finite numbers"):
        write_lines([region(at=Box(*sides))], IDS)


def test_boxes_of_a_retired_class_are_dropped_and_counted():
    labels = ClassIndex(("Car", "Person"), {"Car": 0, "Person": 1}, retired=frozenset({"Car"}))

    lines = write_lines([region(), region("b", "Person")], labels)

    assert (lines.text[0], lines.boxes, lines.notes) == ("1", 1, {Note.RETIRED: 1})


def test_the_data_file_says_what_renamed_classes_were_called():
    data = yaml.safe_load(write_data_file(ClassIndex(("Auto", "Person"), {"Auto": 0, "Car": 0, "Person": 1})))

    assert (data["names"], data["former_names"]) == ({0: "Auto", 1: "Person"}, {"Car": 0})


@pytest.mark.parametrize(
    "text",
    [
        "0 0.5 0.5 0.1",
        "9 0.5 0.5 0.1 0.1",
        "-1 0.5 0.5 0.1 0.1",
        "car 0.5 0.5 0.1 0.1",
        "0 nan 0.5 0.1 0.1",
        "0 0.5 0.5 inf 0.1",
        "0 1.5 0.5 0.1 0.1",
        "0 0.5 0.5 0.1 0.1 0.1",
    ],
)
def test_a_line_that_is_none_is_refused_by_number(text):
    with pytest.raises(PayloadError, match="line 2"):
        read_lines(f"0 0.5 0.5 0.1 0.1\n{text}\n", ["Car"])
