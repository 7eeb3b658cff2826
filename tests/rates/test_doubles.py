"""Doubles, held back beside a surer box on their object: how often their label was right."""

import io
from dataclasses import asdict, replace

import pytest
from rich.console import Console

from loop.cli.rates import show_rates
from loop.rates.assess import RatesRequest, assess
from loop.reviews.judging import judge_tasks
from tests.builders import region, review, served


def add_review(rooms, task, left, **double):
    """A Car is shown, a Person on the same object held back; the reviewer left this label."""
    candidate = replace(region(f"d{task}", label="Person", score=0.5), double_of=f"p{task}")
    prediction = served(region(f"p{task}", score=0.9), task=task, version="a@1")
    rooms.serving.predictions.append([replace(prediction, candidates=(replace(candidate, **double),))])
    made = review(region(f"p{task}", label=left), task=task, annotation=task)
    rooms.reviews.store.record(made, {"image": "/data/upload/1/a.jpg"})
    judge_tasks(rooms.reviews, 1, [task])


def shown(assessment):
    out = Console(width=250, file=io.StringIO())
    show_rates(out, assessment)
    return out.file.getvalue()


def test_doubles_are_counted_by_the_label_that_the_reviewer_left(rooms):
    for task, label in enumerate(("Car", "Car", "Person", "Bus"), start=1):
        add_review(rooms, task, label)

    assessment = assess(rooms.rates, 1, RatesRequest())

    (group,) = assessment.groups
    assert asdict(group.doubles) == {"held_back": 4, "shown_right": 2, "own_right": 1}
    assert group.rates.predicted == 4  # a double is not shown, so it is in no rate
    assert (
        "a@1: 4 boxes held back beside a surer box on their object: the shown label was right for 2, theirs for 1"
    ) in shown(assessment)


@pytest.mark.parametrize(
    "double", [{"double_of": ""}, {"label": "Car"}], ids=["under-the-threshold", "with-the-same-label"]
)
def test_other_boxes_held_back_are_not_counted(rooms, double):
    add_review(rooms, 1, "Car", **double)

    assessment = assess(rooms.rates, 1, RatesRequest())

    assert assessment.groups[0].doubles is None
    assert "held back" not in shown(assessment)
