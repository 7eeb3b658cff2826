"""The small inputs of `tests/cases` whose reviews went wrong: each gives its right value."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from loop.cli.tree import app
from loop.datasets import convert
from loop.errors import LabelConfigError
from loop.label_studio.label_config import parse
from tests.builders import picture

CASES = Path(__file__).parents[1] / "cases"
NAMES = ("Car", "Person")
BOX = "0.250000 0.250000 0.300000 0.300000"
FAR = "0.750000 0.250000 0.300000 0.300000"
ENCLOSING = "0.250000 0.300000 0.300000 0.400000"


def config_of(name):
    return (CASES / f"{name}.xml").read_text()


def tasks_of(name):
    return json.loads((CASES / f"{name}.json").read_text())


@pytest.fixture
def converted(tmp_path):
    """Convert a case; return the label lines by task and the report."""

    def run(name):
        (tmp_path / "images").mkdir()
        for task in range(1, 5):
            (tmp_path / "images" / f"000{task}.jpg").write_bytes(picture(colour=(60 * task, 20, 255 - 60 * task)))
        export, images = CASES / f"{name}.json", tmp_path / "images"
        snapshot = convert.to_dataset(export, config_of(name), images, tmp_path / "out")
        texts = snapshot.folder.glob("labels/*/*.txt")
        return {int(path.stem[-4:]): path.read_text().splitlines() for path in texts}, snapshot.report

    return run


@pytest.mark.parametrize(
    ("name", "task", "lines"),
    [
        pytest.param("a02_negative_size", 4, ["0 0.550000 0.658500 0.300000 0.607000"], id="negative-size"),
        pytest.param("a06_polygon_only", 4, [f"0 {ENCLOSING}"], id="polygon"),
        pytest.param("a06b_polygon_beside_rect", 4, [f"0 {ENCLOSING}", f"1 {FAR}"], id="polygon-beside-a-box"),
        pytest.param("a07b_both_ways", 4, [f"0 {BOX}"], id="rectangle-with-labels"),
        pytest.param("a10_two_images_one_control", 1, [f"0 {BOX}"], id="two-images"),
        pytest.param("a12_two_controls_one_image", 1, [f"0 {BOX}", f"1 {FAR}"], id="two-controls"),
        pytest.param("a14_alias", 1, [f"0 {BOX}"], id="alias"),
        pytest.param("a16_duplicate_label", 1, [f"0 {BOX}"], id="duplicate-label"),
    ],
)
def test_a_case_is_converted_to_its_boxes(converted, name, task, lines):
    texts, report = converted(name)

    assert texts[task] == lines
    assert not report["left_out"]


def test_a_label_that_stands_twice_in_the_config_is_one_class():
    assert parse(config_of("a16_duplicate_label")).label_names == NAMES


def test_a_polygon_that_became_a_box_is_counted(converted):
    assert converted("a06_polygon_only")[1]["notes"] == {
        "polygon, ellipse or brush stroke replaced by its enclosing box": 1
    }


def test_a_result_that_is_null_is_no_background(converted):
    texts, report = converted("a05_result_null")

    assert sorted(texts) == [1, 2, 3]
    assert report["left_out"] == {"the review holds no list of regions": [4]}
    assert report["causes"]["4"].startswith("annotation 1004 result: expected a list of regions")


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("a09_valueList", r"Image image valueList: .*pages.*\$images"),
        ("a15_dynamic", r"RectangleLabels label value: .*\$labels"),
    ],
)
def test_a_config_that_cannot_work_is_refused_by_name(converted, name, message):
    with pytest.raises(LabelConfigError, match=message):
        converted(name)


def test_only_regions_of_our_image_are_judged():
    (judged,) = convert.to_verdicts(CASES / "v_two_images.json")

    assert [one.decision for one in judged.verdicts] == ["confirmed"]


def test_an_unreadable_review_leaves_out_its_own_task_alone():
    bad, good = convert.to_verdicts(CASES / "v_bad_then_good.json")

    assert (bad.task_id, bad.verdicts) == (5, [])
    assert bad.left_out.startswith("annotation 1005 result[0].value.x: expected a finite number, found None")
    assert (good.task_id, [one.decision for one in good.verdicts], good.left_out) == (6, ["confirmed"], "")


def test_the_command_names_what_is_left_out_and_takes_a_label_config():
    config, export = CASES / "a10_two_images_one_control.xml", CASES / "v_two_images.json"

    alone = CliRunner().invoke(app, ["verdicts", str(CASES / "v_bad_then_good.json")])
    given = CliRunner().invoke(app, ["verdicts", str(export), "--label-config", str(config)])

    assert [json.loads(line)["task"] for line in alone.stdout.splitlines()] == [6]
    assert "task 5 is left out: annotation 1005 result[0].value.x" in alone.stderr
    assert given.stdout == ""
    assert "drawn on image, a name that the label config lacks: its image is rgb" in given.stderr
