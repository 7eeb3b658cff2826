"""Reviews in bulk, on real records and a model of Label Studio."""

from collections import Counter

import pytest

from loop.errors import Refused, UnknownProject
from loop.reviews.verdict_query import ReviewSource, VerdictFilter
from loop.training.after_reviews import review
from tests.builders import ls_annotation, ls_region, region, served
from tests.fakes import FakeImages
from tests.reviews.bulk.builders import CAR, create, delete, do, update
from tests.reviews.bulk.fakes import BulkStudio
from tests.swap import swap


def take_events(rooms, studio):
    for event in studio.sent:
        rooms.reviews.events.append(1, event["action"], event)
    review(rooms.trainings, 1)


def test_create_update_and_delete_together(loop, studio):
    studio.annotate(studio.tasks[0], [])
    studio.annotate(studio.tasks[1], [])

    outcomes = do(loop, create(3), update(1, "u", CAR), delete(2, "d"))

    assert [(one.operation, one.error) for one in outcomes] == [("create", None), ("update", None), ("delete", None)]
    assert [len(studio.annotations(task)) for task in (1, 2, 3)] == [1, 0, 1]
    assert studio.annotations(1)[0]["result"][0]["value"]["rectanglelabels"] == ["Car"]


@pytest.mark.parametrize(
    "broken",
    [
        pytest.param({"operation": "merge"}, id="unreadable"),
        pytest.param("not JSON", id="no-object"),
        pytest.param(create(99), id="no-such-task"),
        pytest.param(update(99, "u", CAR), id="no-such-annotation"),
        pytest.param(delete(99, "d"), id="nothing-to-delete"),
        pytest.param(create(1, regions=[{**CAR, "id": "x"}]), id="no-such-region"),
        pytest.param(create(1, regions=[{**CAR, "label": "Bus"}]), id="no-such-label"),
    ],
)
def test_a_broken_operation_costs_only_itself(loop, broken):
    outcomes = do(loop, create(1, "a"), broken, create(2, "b"))

    assert [one.error is None for one in outcomes] == [True, False, True]
    assert outcomes[1].error.startswith("operations[1]")


def test_what_label_studio_refuses_costs_only_itself(loop, studio):
    class Picky(BulkStudio):
        def create_annotation(self, task_id, **fields):
            if task_id == 2:
                raise Refused("400: no", 400)
            return super().create_annotation(task_id, **fields)

    outcomes = do(swap(loop, (loop.studio.client, Picky(4))), create(1), create(2), create(3))

    assert [one.error for one in outcomes] == [None, "400: no", None]


def test_an_unknown_project_is_told_before_anything_is_done(loop):
    with pytest.raises(UnknownProject):
        do(loop, create(1), project=77)


def test_an_annotation_of_another_project_is_not_touched(loop, studio):
    studio.tasks[0]["annotations"].append(ls_annotation(annotation=5, project=2))

    outcomes = do(loop, update(5, "u", CAR), delete(5, "d"))

    assert all("an annotation of project 1" in one.error for one in outcomes)
    assert len(studio.annotations(1)) == 1


def test_an_annotation_whose_regions_cannot_be_read_can_be_replaced_and_deleted(loop, studio):
    for task in studio.tasks[:2]:
        studio.annotate(task, [{"type": "rectanglelabels", "value": None}])

    outcomes = do(loop, update(1, "u", CAR), delete(2, "d"))

    assert [one.error for one in outcomes] == [None, None]


def test_an_image_tells_its_size_where_nothing_else_does(loop, studio):
    do(loop, create(1), create(2, size=[10, 20]))

    sizes = [(one["original_width"], one["original_height"]) for task in (1, 2) for one in result(studio, task)]
    assert sizes == [(64, 48), (10, 20)]


def test_a_broken_image_costs_only_its_operation(loop, studio):
    broken = swap(loop, (loop.vision.images, FakeImages(broken=[1])))

    outcomes = do(broken, create(1), create(2))

    assert [one.error is None for one in outcomes] == [False, True]


def result(studio, task):
    return studio.annotations(task)[0]["result"]


def test_it_flows_as_an_annotators_work_does(loop, studio):
    loop.serving.predictions.append([served(region("p"), region("q"))])
    fields = {"actor": "second-look", "confidence": 0.9, "reasoning": "clear", "lead_time": 1.5}

    do(loop, create(1, "a", regions=[{**CAR, "id": "p"}, {"label": "Car", "box": [0.7, 0.7, 0.9, 0.9]}], **fields))
    take_events(loop, studio)

    records, _ = loop.reviews.verdicts.page(VerdictFilter(project=1))
    assert Counter(one.decision.value for one in records) == {"confirmed": 1, "false_positive": 1, "missed": 1}
    assert {(one.source, one.actor, one.confidence, one.reasoning) for one in records} == {
        (ReviewSource.BULK, "second-look", 0.9, "clear")
    }
    assert {one.lead_time for one in records} == {1.5}


@pytest.mark.parametrize("others", [[], [{"id": "c", "type": "choices", "value": {"choices": ["clear"]}}]])
def test_a_review_with_nothing_in_it_counts(loop, studio, others):
    loop.serving.predictions.append([served(region("p"))])
    studio.annotate(studio.tasks[0], [ls_region("p"), *others])
    studio.annotations(1)[0].update(lead_time=None, parent_prediction=9)  # a bulk accept that nobody looked at

    do(loop, update(1, "u"))
    take_events(loop, studio)

    records, _ = loop.reviews.verdicts.page(VerdictFilter(project=1))
    assert [one.decision.value for one in records] == ["false_positive"]
    assert studio.annotations(1)[0]["result"] == others
