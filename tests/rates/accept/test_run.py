"""Accepting tasks by a token, going on after a kill, and undoing it."""

import pytest

from loop.rates.accept import run
from loop.rates.accept.plan import plan_acceptance
from tests.builders import ls_region, review
from tests.rates.accept.builders import (
    ALL,
    AUDITED,
    ERROR,
    OPEN,
    USER,
    accept,
    annotations,
    arrive,
    count_verdicts,
    go_on,
)


def test_a_dry_run_changes_nothing_and_tells_what_bears_it_out(loop, studio):
    plan = plan_acceptance(loop.rates, 1, ERROR)

    assert [task.task_id for task in plan.tasks] == ALL
    assert (plan.boxes, plan.open, plan.audited, plan.wrong, plan.judged) == (OPEN, OPEN, AUDITED, 0, AUDITED)
    assert plan.token == plan_acceptance(loop.rates, 1, ERROR).token
    assert not annotations(studio)
    assert not loop.reviews.accepted.read(1)


def test_a_task_that_somebody_skipped_is_left_to_others(loop):
    loop.reviews.store.record(review(annotation=900, task=1, is_skipped=True), {})

    assert [task.task_id for task in plan_acceptance(loop.rates, 1, ERROR).tasks] == ALL[1:]


def test_accepted_predictions_become_annotations_of_a_user_of_their_own(loop, studio):
    made = accept(loop)

    assert len(set(made)) == len(annotations(studio)) == OPEN
    assert {annotation["completed_by"] for annotation in annotations(studio)} == {USER}
    assert [annotation["parent_prediction"] for annotation in annotations(studio)] == [100 + task for task in ALL]


def test_without_a_user_of_their_own_they_are_marked(loop, studio):
    studio.has_users = False

    accept(loop)

    assert {annotation["import_id"] for annotation in annotations(studio)} == {run.ACCEPT_MARK}


def test_accepted_annotations_come_back_as_events_and_are_no_reviews(loop, studio):
    before = count_verdicts(loop), loop.reviews.store.new_since(1, None)
    accept(loop)

    arrive(loop, studio)

    assert (count_verdicts(loop), loop.reviews.store.new_since(1, None)) == before
    assert not {*ALL} & loop.reviews.store.find_counted(1).keys()
    assert not plan_acceptance(loop.rates, 1, ERROR).tasks


def test_they_stay_no_reviews_when_label_studio_loses_their_prediction(loop, studio):
    accept(loop)
    for event in studio.sent:
        event["annotation"]["parent_prediction"] = None

    arrive(loop, studio)

    assert 1 not in loop.reviews.store.find_counted(1)


def test_an_accepted_annotation_that_a_person_changed_is_a_review_and_stays(loop, studio):
    accept(loop)
    task = studio.tasks[0]
    task["annotations"][0]["lead_time"] = 3.0
    studio.edit(task, task["annotations"][0], [])
    arrive(loop, studio)

    undone = run.undo(loop.rates, 1)

    assert (undone.removed, undone.stay) == (OPEN - 1, 1)
    assert [annotation["task"] for annotation in annotations(studio)] == [1]
    assert loop.reviews.store.find_counted(1)[1].review.regions == ()
    assert run.undo(loop.rates, 1) == run.Undone(0, 0)


@pytest.mark.parametrize(
    "change",
    [
        {"ground_truth": True},
        {"was_cancelled": True},
        {"result": [ls_region("r1", x=12, y=10, width=30, height=30)]},
        {"result": [ls_region("r1", label="Person", x=10, y=10, width=30, height=30)]},
    ],
    ids=["starred", "skipped", "moved-by-a-program", "relabelled-by-a-program"],
)
def test_an_undo_removes_no_annotation_that_was_changed(loop, studio, change):
    accept(loop)
    studio.tasks[0]["annotations"][0].update(change)

    assert run.undo(loop.rates, 1) == run.Undone(OPEN - 1, 1)


def test_an_undo_leaves_a_task_that_somebody_has_a_draft_of(loop, studio):
    accept(loop)
    studio.tasks[0]["drafts"] = [{"id": 1}]

    assert run.undo(loop.rates, 1) == run.Undone(OPEN - 1, 1)


def test_a_task_whose_draft_is_discarded_later_is_undone_by_the_next_undo(loop, studio):
    accept(loop)
    studio.tasks[0]["drafts"] = [{"id": 1}]
    run.undo(loop.rates, 1)
    studio.tasks[0]["drafts"] = []

    assert run.undo(loop.rates, 1) == run.Undone(1, 0)
    assert not annotations(studio)


def test_undone_tasks_can_be_accepted_again(loop, studio):
    token = plan_acceptance(loop.rates, 1, ERROR).token
    go_on(loop, token)
    run.undo(loop.rates, 1)

    assert len(go_on(loop, token)) == OPEN
