"""Label Studio's JSON."""

import math

import pytest

from loop.decisions.label_config import parse
from loop.decisions.ls_format import project_id_of, read_regions, read_review, read_task, write_result
from loop.decisions.regions import Box
from loop.errors import PayloadError
from tests.builders import CONFIG, ls_annotation, ls_region, ls_task, region


def test_regions_come_back_as_they_were_written():
    regions = [region("a", "Car", Box(0.1, 0.2, 0.3, 0.4), 0.9), region("b", "Person", Box(0.0, 0.0, 1.0, 1.0))]

    result = write_result(regions, parse(CONFIG), (640, 480))

    for before, after in zip(regions, read_regions(result, "prediction"), strict=True):
        assert (after.id, after.label, after.score) == (before.id, before.label, before.score)
        assert after.box.is_close_to(before.box, 1e-9)


def test_results_of_other_controls_are_left_out():
    choice = {"id": "c", "type": "choices", "value": {"choices": ["sunny"]}}

    assert [one.id for one in read_regions([choice, ls_region("a")], "annotation")] == ["a"]


def test_a_rotated_box_becomes_its_enclosing_box_in_pixels():
    turned = ls_region(x=50, y=25, width=50, height=50)
    turned.update(original_width=400, original_height=200)
    turned["value"]["rotation"] = 90

    (read,) = read_regions([turned], "annotation")

    assert read.rotation == 90
    assert read.box.is_close_to(Box(0.25, 0.25, 0.5, 1.25), 1e-9)


def test_a_box_without_a_label_is_read_as_unlabelled():
    unlabelled = ls_region()
    del unlabelled["value"]["rectanglelabels"]

    assert read_regions([unlabelled], "annotation")[0].label == ""


def test_a_review_says_who_when_and_from_what():
    read = read_review(ls_annotation(ls_region("a"), parent_prediction=9, completed_by={"id": 4}, ground_truth=True))

    assert (read.annotator, read.parent_prediction, read.is_ground_truth) == (4, 9, True)
    assert read.created_at.tzinfo is not None


@pytest.mark.parametrize(
    ("change", "field"),
    [
        pytest.param({"x": math.nan}, "value.x", id="nan"),
        pytest.param({"width": None}, "value.width", id="no-width"),
        pytest.param({"height": "30"}, "value.height", id="text"),
        pytest.param({"rotation": math.inf}, "value.rotation", id="endless-rotation"),
    ],
)
def test_a_region_that_is_no_rectangle_is_refused_by_name(change, field):
    bad = ls_region()
    bad["value"].update(change)

    with pytest.raises(PayloadError, match=field):
        read_regions([ls_region(), bad], "annotation 1")


@pytest.mark.parametrize("data", [{}, {"photo": "/data/a.jpg"}, {"image": None}, {"image": ["a"]}, {"image": "  "}])
def test_a_task_without_its_image_is_refused_by_name(data):
    with pytest.raises(PayloadError, match=r"task 7 data\.image"):
        read_task({"id": 7, "data": data}, "image")


def test_a_task_without_data_is_refused():
    with pytest.raises(PayloadError, match="task 7"):
        read_task(ls_task(7) | {"data": None}, "image")


@pytest.mark.parametrize(("text", "number"), [("7.1795399212", 7), ("7", 7), (7, 7)])
def test_the_project_is_read_with_and_without_its_creation_time(text, number):
    assert project_id_of(text) == number


@pytest.mark.parametrize("text", [None, "", "seven", "-1", {}])
def test_what_is_no_project_is_refused(text):
    with pytest.raises(PayloadError, match="project"):
        project_id_of(text)
