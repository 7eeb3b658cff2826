"""A class that was renamed or merged: its boxes are judged by its current name, whatever name the records have."""

from dataclasses import replace

import pytest

from loop import lineage
from loop.rates.annotators.compare import list_agreements
from loop.rates.assess import RatesRequest, assess
from loop.rates.compare_shadow import compare_shadows
from loop.rates.rates import Rates
from loop.reviews.judging import judge_tasks
from loop.training.after_reviews import rebuild, sync
from tests.builders import ls_region, region, review, served
from tests.label_studio.fakes import StudioModel
from tests.reviews.builders import connected, decisions, state

IMAGE = {"image": "/data/upload/1/a.jpg"}
NEW_NAMES = pytest.mark.parametrize("new", ["Automobile", "car", "Person"], ids=["renamed", "other-case", "merged"])


@NEW_NAMES
def test_a_review_with_the_new_name_confirms_a_prediction_with_the_old_one(rooms, new):
    shown = served(region("p"))
    shadow = replace(served(region("s"), version="yolo_detector@2.0.0"), is_shadow=True)
    rooms.serving.predictions.append([shown, shadow])
    rooms.studio.classes.rename(1, "Car", new)
    rooms.reviews.store.record(review(region("p", new)), IMAGE)

    judge_tasks(rooms.reviews, 1, [1])

    assert rooms.rates.store.count_by_version(1) == {shown.version: Rates(confirmed=1)}
    assert set(compare_shadows(rooms.rates, 1).values()) == {Rates(confirmed=1)}


def test_a_double_with_the_old_name_is_judged_by_the_new_one(rooms):
    double = replace(region("d", "Person", score=0.4), double_of="p")
    rooms.serving.predictions.append([replace(served(region("p")), candidates=(double,))])
    rooms.studio.classes.rename(1, "Person", "Walker")
    rooms.reviews.store.record(review(region("p", "Walker")), IMAGE)
    judge_tasks(rooms.reviews, 1, [1])

    (group,) = assess(rooms.rates, 1, RatesRequest()).groups
    traced = lineage.of_region(rooms.trainings, rooms.taxonomies, 1, "d")

    assert (group.doubles.shown_right, group.doubles.own_right) == (0, 1)
    assert [shown.decision for shown in traced.shown] == ["confirmed"]


@NEW_NAMES
def test_annotators_with_the_old_and_the_new_name_agree(rooms, new):
    rooms.studio.classes.rename(1, "Car", new)
    for annotator, label in ((1, "Car"), (2, new)):
        made = review(region(label=label), annotation=annotator, annotator=annotator)
        rooms.reviews.store.record(made, IMAGE)

    assert [task.share for task in list_agreements(rooms.rates, 1)] == [1.0]


def test_a_sync_after_classes_were_merged_gives_the_verdicts_of_a_rebuild(empty_records, tmp_path):
    studio = StudioModel(1)
    studio.annotate(studio.tasks[0], [ls_region("p", "Person"), ls_region("q")])
    with connected(empty_records, tmp_path, studio) as rooms:
        sync(rooms.trainings, 1)
        before = decisions(rooms)

        rooms.studio.classes.rename(1, "Car", "Person")
        sync(rooms.trainings, 1)
        merged = state(rooms)
        rebuild(rooms.trainings, 1)

        assert before == [(1, "confirmed"), (1, "corrected")]
        assert decisions(rooms) == [(1, "confirmed"), (1, "confirmed")]
        assert state(rooms) == merged
