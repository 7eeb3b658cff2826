"""Operations in bulk that are sent again or were cut off."""

from contextlib import suppress
from itertools import count

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from loop.errors import Refused
from tests.builders import CONFIG, ls_region
from tests.fakes import Killed
from tests.reviews.bulk.builders import CAR, create, delete, do, update
from tests.reviews.bulk.fakes import BulkStudio
from tests.swap import swap


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
    outcomes = [one.error is None for one in do(swap(rooms, (rooms.studio.client, troubled)), *operations)]

    assert outcomes == expected
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
