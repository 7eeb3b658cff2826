"""Reviews in bulk, on real records and a model of Label Studio."""

from collections import Counter
from contextlib import suppress
from itertools import count

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from loop.errors import Refused, UnknownProject
from loop.reviews.bulk.run import annotate
from loop.reviews.verdict_query import Source, VerdictFilter
from loop.rooms import swap
from loop.training.after_reviews import review
from tests.builders import CONFIG, ls_annotation, ls_region, region, served
from tests.fakes import FakeImages, Killed
from tests.reviews.bulk.fakes import BulkStudio

CAR = {"label": "Car", "box": [0.1, 0.1, 0.4, 0.4]}


def create(task=1, key=None, **fields):
    return {"operation": "create", "task": task, "regions": [CAR], **({"key": key} if key else {}), **fields}


def update(annotation, key, *regions, **fields):
    return {"operation": "update", "annotation": annotation, "regions": list(regions), "key": key, **fields}


def delete(annotation, key):
    return {"operation": "delete", "annotation": annotation, "key": key}


@pytest.fixture
def studio(rooms):
    return BulkStudio(4)


@pytest.fixture
def loop(rooms, studio):
    return swap(rooms, (rooms.studio.client, studio))


def do(rooms, *operations, project=1):
    asked = ((f"operations[{at}]", one) for at, one in enumerate(operations))
    return list(annotate(rooms.reviews, project, asked, lambda at, _: f"position-{at}"))


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


def test_a_second_try_does_nothing_twice(loop, studio):
    first = do(loop, create(1, "a"), create(2, "b"))

    again = do(loop, create(1, "a"), create(2, "b"))

    assert [one.id for one in again] == [one.id for one in first]
    assert all(one.is_repeated for one in again)
    assert studio.writes == 2


def test_a_key_sent_twice_at_once_is_done_once(loop, studio):
    outcomes = do(loop, create(1, "a"), create(1, "a"))

    assert [one.id for one in outcomes] == [1, 1]
    assert studio.writes == 1


def test_a_key_of_another_operation_is_refused(loop, studio):
    do(loop, create(1, "a"))

    (outcome,) = do(loop, create(2, "a"))

    assert outcome.error.startswith("operations[0].key")
    assert studio.writes == 1


def test_a_key_whose_operation_was_refused_is_free(loop):
    class Picky(BulkStudio):
        def create_annotation(self, task_id, **fields):
            raise Refused("400: no", 400)

    do(swap(loop, (loop.studio.client, Picky(4))), create(1, "a"))

    assert do(loop, create(2, "a"))[0].error is None


def test_two_projects_may_use_the_same_key(loop, studio):
    loop.studio.projects.save(2, "Other", CONFIG)

    assert [do(loop, create(1, "a"), project=project)[0].error for project in (1, 2)] == [None, None]
    assert studio.writes == 2


def test_an_unknown_project_is_told_before_anything_is_done(loop):
    with pytest.raises(UnknownProject):
        do(loop, create(1), project=77)


def test_an_annotation_of_another_project_is_not_touched(loop, studio):
    studio.tasks[0]["annotations"].append(ls_annotation(annotation=5, project=2))

    outcomes = do(loop, update(5, "u", CAR), delete(5, "d"))

    assert all("an annotation of project 1" in one.error for one in outcomes)
    assert len(studio.annotations(1)) == 1


def test_where_label_studio_goes_down_the_rest_fails_and_a_retry_goes_on(loop, studio):
    studio.faults = [None, "down before"]
    operations = [create(task, f"k{task}") for task in (1, 2, 3)]

    outcomes = do(loop, *operations)

    assert [one.error for one in outcomes] == [None, *["Label Studio did not answer"] * 2]
    assert studio.writes == 2  # the third was not tried
    assert [one.error for one in do(loop, *operations)] == [None] * 3
    assert [len(studio.annotations(task)) for task in (1, 2, 3)] == [1, 1, 1]


@pytest.mark.parametrize("fault", ["killed after", "down after", "killed before"])
def test_what_was_cut_off_is_done_once(loop, studio, fault):
    studio.faults = [fault]
    with suppress(Killed):
        do(loop, create(1, "a"))

    (outcome,) = do(loop, create(1, "a"))

    assert (outcome.error, outcome.id) == (None, 1)
    assert len(studio.annotations(1)) == 1


def test_an_update_that_was_cut_off_does_not_undo_what_somebody_changed_since(loop, studio):
    studio.annotate(studio.tasks[0], [])
    studio.faults = ["killed after"]
    with suppress(Killed):
        do(loop, update(1, "u", CAR))
    theirs = [ls_region("theirs")]
    studio.edit(studio.tasks[0], studio.annotations(1)[0], theirs)

    (outcome,) = do(loop, update(1, "u", CAR))

    assert "a later state" in outcome.error
    assert studio.annotations(1)[0]["result"] == theirs


def test_a_deletion_that_was_cut_off_spares_what_has_the_id_since(loop, studio):
    studio.annotate(studio.tasks[0], [])
    studio.faults = ["killed after"]
    with suppress(Killed):
        do(loop, delete(1, "d"))
    studio.annotate(studio.tasks[1], [])  # SQLite gives the id out again

    (outcome,) = do(loop, delete(1, "d"))

    assert outcome.error is None
    assert len(studio.annotations(2)) == 1


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
        (Source.BULK, "second-look", 0.9, "clear")
    }
    assert {one.lead_time for one in records} == {1.5}


def test_a_review_with_nothing_in_it_counts(loop, studio):
    loop.serving.predictions.append([served(region("p"))])
    studio.annotate(studio.tasks[0], [ls_region("p")])
    studio.annotations(1)[0].update(lead_time=None, parent_prediction=9)  # a bulk accept that nobody looked at

    do(loop, update(1, "u"))
    take_events(loop, studio)

    records, _ = loop.reviews.verdicts.page(VerdictFilter(project=1))
    assert [one.decision.value for one in records] == ["false_positive"]


FAULTS = st.sampled_from([None, None, "killed before", "killed after", "down before", "down after"])
MADE = st.tuples(st.just("create"), st.integers(1, 4))
CHANGED = st.tuples(st.just("update"), st.integers(1, 3))
GONE = st.tuples(st.just("delete"), st.integers(1, 3))


RUNS = count()  # each with keys of its own, so that all share the same records


@settings(suppress_health_check=list(HealthCheck), max_examples=60)
@given(st.lists(st.one_of(MADE, CHANGED, GONE), max_size=8), st.lists(FAULTS, max_size=12))
def test_wherever_we_are_killed_retries_end_in_what_one_run_gives(rooms, played, faults):
    untroubled, troubled = _studio(), _studio(faults)

    expected = [one.error is None for one in do(swap(rooms, (rooms.studio.client, untroubled)), *_operations(played))]
    operations = _operations(played)
    for _ in faults:
        with suppress(Killed):
            do(swap(rooms, (rooms.studio.client, troubled)), *operations)
    found = [one.error is None for one in do(swap(rooms, (rooms.studio.client, troubled)), *operations)]

    assert found == expected
    assert _state(troubled) == _state(untroubled)


def _operations(played):
    kinds = {"create": create, "update": lambda at, key: update(at, key, CAR), "delete": delete}
    run = next(RUNS)
    return [kinds[what](at, f"{run}-{number}") for number, (what, at) in enumerate(played)]


def _studio(faults=()):
    studio = BulkStudio(4, faults)
    studio.is_sqlite = False  # else a retry finds what it could not find before: another annotation of that id
    for task in studio.tasks[:3]:
        studio.annotate(task, [])
    return studio


def _state(studio):
    """The annotations of each task; the ids of new regions follow from the key, so they differ from run to run."""
    return [
        sorted(str([{**region, "id": ""} for region in one["result"]]) for one in task["annotations"])
        for task in studio.tasks
    ]
