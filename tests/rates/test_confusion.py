"""Which labels reviewers left on boxes, by the predicted label."""

import json

import pytest
from typer.testing import CliRunner

from loop.cli.options import judged_version
from loop.cli.tree import app
from loop.errors import UnknownProject, UnknownVersion
from loop.rates.assess import RatesRequest, assess, count_confusion, follow_rates
from loop.rates.confusion import ConfusedPair, make_confusion
from loop.rates.rates import Grouping
from loop.regions import Box
from loop.reviews.judging import judge_tasks
from loop.reviews.verdict_query import VerdictFilter
from tests.builders import region, review, served

HOSTILE = "<img src=x onerror=alert(1)>"
ELSEWHERE = Box(0.6, 0.6, 0.9, 0.9)


def reviewed(rooms, task, predicted, left, version="a@1"):
    """One task with at most one predicted box and one reviewed box; of both, the box is the same."""
    boxes = [region(f"p{task}", label=predicted)] if predicted is not None else []
    rooms.serving.predictions.append([served(*boxes, task=task, version=version)])
    left_regions = [region(f"p{task}" if boxes else "", label=left)] if left is not None else []
    rooms.reviews.store.record(
        review(*left_regions, task=task, annotation=task, minutes=task), {"image": "/data/upload/1/a.jpg"}
    )
    judge_tasks(rooms.reviews, 1, [task])


@pytest.fixture
def pairs(rooms):
    for task, (predicted, left) in enumerate(
        [("Car", "Car"), ("Car", "Car"), ("Car", "Person"), ("Car", None), (None, "Person"), (HOSTILE, "Car")], start=1
    ):
        reviewed(rooms, task, predicted, left)
    return rooms


def test_boxes_are_counted_by_predicted_and_reviewed_label(pairs):
    confusion = count_confusion(pairs.rates, 1)

    assert confusion.labels == ("Car", "Person", HOSTILE)
    assert confusion.count("Car", "Car") == 2
    assert confusion.count("Car", None) == 1
    assert confusion.count(None, "Person") == 1
    assert confusion.count("Person", "Car") == 0
    assert sum(pair.boxes for pair in confusion.pairs) == 6
    mistaken = [(pair.predicted, pair.reviewed) for pair in confusion.list_mistaken()]
    assert mistaken == [(HOSTILE, "Car"), ("Car", "Person")]


@pytest.mark.parametrize(("predicted", "left"), [("Car", "Person"), ("Car", "Car"), (HOSTILE, "Car")])
def test_the_verdicts_behind_a_pair_are_listed(pairs, predicted, left):
    wanted = VerdictFilter(project=1, predicted_label=predicted, reviewed_label=left)

    records, _ = pairs.reviews.verdicts.page(wanted)

    assert len(records) == count_confusion(pairs.rates, 1).count(predicted, left)
    assert {(record.predicted["label"], record.reviewed["label"]) for record in records} == {(predicted, left)}


@pytest.mark.parametrize("name", ["Car", "Auto"])
def test_the_names_of_a_renamed_class_are_one_label(pairs, name):
    pairs.studio.classes.rename(1, "Car", "Auto")
    reviewed(pairs, 7, "Auto", "Person")
    wanted = VerdictFilter(project=1, predicted_label=name, reviewed_label="Person")

    confusion = count_confusion(pairs.rates, 1)
    by_label = {group.name: group.rates for group in assess(pairs.rates, 1, RatesRequest(Grouping.LABEL)).groups}
    weeks = follow_rates(pairs.rates, 1, RatesRequest(Grouping.LABEL))

    assert (confusion.labels, confusion.count("Auto", "Person")) == (("Auto", "Person", HOSTILE), 2)
    assert {record.task for record in pairs.reviews.verdicts.page(wanted)[0]} == {3, 7}
    assert {label: rates.predicted for label, rates in by_label.items()} == {"Auto": 5, "Person": 0, HOSTILE: 1}
    assert {line.name: line.rates for line in weeks.lines} == by_label


def test_only_one_version_is_counted_if_it_is_named(pairs):
    reviewed(pairs, 9, "Person", "Car", version="a@2")

    assert [pair.boxes for pair in count_confusion(pairs.rates, 1, "a@2").pairs] == [1]


def test_of_many_labels_those_with_most_boxes_are_in_the_table():
    counted = [ConfusedPair(f"label {n}", f"label {n + 1}", n) for n in range(1, 30)]

    confusion = make_confusion(counted, None, most=3)

    assert confusion.labels == ("label 29", "label 28", "label 27")
    assert confusion.more_labels == 27
    assert confusion.more_boxes == sum(range(1, 30)) - 28 - 27


def test_a_project_without_verdicts_has_no_pairs(rooms):
    assert count_confusion(rooms.rates, 1).labels == ()
    with pytest.raises(UnknownProject):
        count_confusion(rooms.rates, 9)


def test_the_commands_print_the_pairs_and_the_boxes_behind_one(settings, pairs, monkeypatch):
    for name, value in settings.environment().items():
        monkeypatch.setenv(name, value)

    def loop(*arguments):
        return CliRunner().invoke(app, [*arguments, "--project", "1"], catch_exceptions=False).output

    assert HOSTILE in loop("rates", "--confusion")
    plain = json.loads(loop("rates", "--confusion", "--json"))
    assert {"predicted": "Car", "reviewed": None, "boxes": 1} in plain["pairs"]
    assert loop("rates", "--confusion", "--json", "--version", "1") == loop(
        "rates", "--confusion", "--json", "--version", "a@1"
    )
    assert loop("verdicts", "--version", "1") == loop("verdicts", "--version", "a@1") == loop("verdicts")
    (line,) = loop("verdicts", "--predicted-label", "Car", "--reviewed-label", "Person").splitlines()
    assert json.loads(line)["task"] == 3


def test_a_version_is_named_in_full_or_by_its_number_and_one_that_is_not_there_is_refused(rooms):
    reviewed(rooms, 1, "Car", "Person", version="yolo_detector@1.2.0")

    assert judged_version(rooms, 1, "1.2.0") == judged_version(rooms, 1, "yolo_detector@1.2.0") == "yolo_detector@1.2.0"
    assert judged_version(rooms, 1, None) is None
    with pytest.raises(UnknownVersion, match=r"known: yolo_detector@1\.2\.0"):
        judged_version(rooms, 1, "1.2")


def test_a_number_is_that_of_a_version_made_here_before_an_imported_one(rooms):
    reviewed(rooms, 1, "Car", "Person", version="imported@1.0.0")
    reviewed(rooms, 2, "Car", "Person", version="yolo_detector@1.0.0")

    assert judged_version(rooms, 1, "1.0.0") == "yolo_detector@1.0.0"
    assert judged_version(rooms, 1, "imported@1.0.0") == "imported@1.0.0"
