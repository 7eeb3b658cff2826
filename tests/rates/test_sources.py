"""Boxes with a label by references are told from those of the detector."""

from dataclasses import replace

from loop.rates.assess import RatesRequest, assess
from loop.rates.rates import Grouping
from loop.regions import Box, LabelSource
from loop.reviews.judging import judge_tasks
from tests.builders import region, review, served

ELSEWHERE = Box(0.6, 0.6, 0.9, 0.9)


def test_labels_by_references_are_told_from_those_of_the_detector(rooms):
    detected, labelled = region("p1", score=0.9), region("r1", at=ELSEWHERE, score=0.6)
    labelled = replace(labelled, source=LabelSource("dog", 0.4, 0.9))
    rooms.serving.predictions.append([served(detected, labelled)])
    rooms.reviews.store.record(review(region("p1"), minutes=1), {"image": "/data/upload/1/a.jpg"})
    judge_tasks(rooms.reviews, 1, [1])

    groups = assess(rooms.rates, 1, RatesRequest(Grouping.SOURCE)).groups

    assert {each.name: (each.rates.confirmed, each.rates.false_positive) for each in groups} == {
        "detector": (1, 0),
        "references": (0, 1),
    }
    assert {each.seconds for each in groups} == {None}  # a task has boxes of both
