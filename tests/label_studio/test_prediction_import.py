"""Predictions into a Label Studio that leaves out what does not fit, and refuses whole batches."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loop.errors import NotStored, Refused
from loop.label_studio.prediction_import import NewPrediction, store
from loop.label_studio.states import ProjectState
from loop.label_studio.tasks import read_tasks
from tests.builders import CONFIG, ls_region

VERSION = "yolo_detector@1.0.0"


class Studio:
    """
    As Label Studio's `import/predictions`: one task that is gone refuses a whole batch.

    *Unfit* predictions are left out without a word, or, in a *strict* one, refuse a batch as well.
    """

    def __init__(self, tasks, *, unfit=(), is_strict=False, largest=1000):
        self._tasks, self._unfit, self._is_strict, self._largest = set(tasks), set(unfit), is_strict, largest
        self.stored, self.requests = [], 0

    def project(self, project_id):
        return ProjectState.of({"id": project_id, "label_config": CONFIG})

    def named_tasks(self, project_id, task_ids):
        stored = {row["task"]: [row] for row in self.stored}
        tasks = [{"id": task, "predictions": stored.get(task, [])} for task in task_ids if task in self._tasks]
        return {task.id: task for task in read_tasks(tasks)}

    def import_predictions(self, project_id, predictions):
        rows = [prediction.as_row() for prediction in predictions]
        self.requests += 1
        tasks = [row["task"] for row in rows]
        if len(rows) > self._largest:
            raise Refused("too large", 413)
        if not set(tasks) <= self._tasks or (self._is_strict and set(tasks) & self._unfit):
            raise Refused("invalid", 400)
        fit = [row for row in rows if row["task"] not in self._unfit]
        self.stored += fit
        return len(fit)


def rows(tasks, label="Car"):
    return [NewPrediction(n, VERSION, 0.5, [ls_region("a", label)]) for n in tasks]


def test_what_fits_is_stored_in_batches():
    studio = Studio(range(1, 451))

    assert store(studio, 1, rows(range(1, 451))) == 450
    assert studio.requests == 3


def test_a_task_that_is_gone_costs_only_itself():
    studio = Studio([1, 3])

    assert store(studio, 1, rows([1, 2, 3])) == 2
    assert [row["task"] for row in studio.stored] == [1, 3]


def test_predictions_that_label_studio_leaves_out_are_an_error_with_its_reason():
    studio = Studio([1, 2, 3], unfit=[2])

    with pytest.raises(NotStored, match=r"stored 2 of 3 .* task 2: .*valid labels: \['Car', 'Person'\]") as refused:
        store(studio, 1, rows([1, 2, 3], "Lorry"))

    assert (refused.value.stored, set(refused.value.reasons)) == (2, {2})


def test_a_batch_of_which_nothing_is_stored_is_an_error():
    with pytest.raises(NotStored, match="stored 0 of 2"):
        store(Studio([1, 2], unfit=[1, 2]), 1, rows([1, 2], "Lorry"))


def test_a_batch_that_is_too_large_is_sent_in_parts():
    studio = Studio(range(1, 101), largest=30)

    assert store(studio, 1, rows(range(1, 101))) == 100


def test_a_refusal_that_is_not_about_predictions_is_passed_on():
    class Closed(Studio):
        def import_predictions(self, project_id, rows):
            raise Refused("no permission", 403)

    with pytest.raises(Refused, match="no permission"):
        store(Closed([1]), 1, rows([1]))


TASKS = st.sets(st.integers(1, 12))


@given(TASKS, TASKS, TASKS, st.booleans(), st.integers(1, 12))
def test_each_prediction_is_stored_or_named_once(asked, gone, unfit, is_strict, largest):
    studio = Studio(set(range(1, 13)) - gone, unfit=unfit, is_strict=is_strict, largest=largest)
    fit = asked - gone - unfit

    try:
        stored, named = store(studio, 1, rows(sorted(asked))), set()
    except NotStored as error:
        stored, named = error.stored, set(error.reasons)

    assert sorted(row["task"] for row in studio.stored) == sorted(fit)
    assert (stored, named) == (len(fit), (asked & unfit) - gone)
