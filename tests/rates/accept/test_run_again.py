"""Runs and undos that are killed, and what changed between a dry run and its token."""

from dataclasses import replace
from datetime import timedelta

import pytest

from loop.errors import NoChampion, StalePlan
from loop.rates.accept import run
from loop.rates.accept.plan import plan_acceptance
from loop.reviews.standing import TASK
from loop.reviews.verdicts import Decision
from loop.serving.store import AUDIT
from loop.vision.addresses import identify
from tests.builders import ls_region, region, review, served
from tests.fakes import Killed
from tests.rates.accept.builders import (
    ALL,
    AUDITED,
    ERROR,
    NOTHING,
    OPEN,
    accept,
    annotations,
    arrive,
    audit,
    champion,
    go_on,
    predict,
    serve,
)
from tests.swap import swap


@pytest.mark.parametrize("fault", ["killed before", "killed after"])
@pytest.mark.parametrize("place", [0, 1, OPEN - 1])
def test_a_killed_run_goes_on_without_doubles(loop, studio, fault, place):
    token = plan_acceptance(loop.rates, 1, ERROR).token
    studio.faults = [None] * place + [fault]
    with pytest.raises(Killed):
        go_on(loop, token)

    go_on(loop, token)

    assert [annotation["task"] for annotation in annotations(studio)] == ALL
    assert all(task.annotation_id for task in loop.reviews.accepted.read(1))
    assert go_on(loop, token) == []


@pytest.mark.parametrize("fault", ["killed before", "killed after"])
def test_a_killed_run_can_be_undone_and_so_can_a_killed_undo(loop, studio, fault):
    token = plan_acceptance(loop.rates, 1, ERROR).token
    studio.faults = [None, None, fault]
    with pytest.raises(Killed):
        go_on(loop, token)
    studio.faults = [None, fault]
    with pytest.raises(Killed):
        run.undo(loop.rates, 1)

    run.undo(loop.rates, 1)

    assert not annotations(studio)
    assert not loop.reviews.accepted.read(1)


def test_a_new_version_makes_the_token_invalid(loop, studio, tmp_path):
    token = plan_acceptance(loop.rates, 1, ERROR).token
    serve(loop, tmp_path)

    with pytest.raises(StalePlan, match="plan again"):
        run.begin(loop.rates, 1, ERROR, token)


def test_a_new_version_ends_a_run_that_has_begun(loop, studio, tmp_path):
    tasks = run.begin(loop.rates, 1, ERROR, plan_acceptance(loop.rates, 1, ERROR).token)
    serve(loop, tmp_path)

    with pytest.raises(StalePlan, match="--undo"):
        list(run.accept(loop.rates, 1, tasks))


@pytest.mark.parametrize(
    "change",
    [
        {"annotations": [{"id": 900, "project": 1, "task": 1}]},
        {"drafts": [{"id": 1}]},
        {"predictions": []},
        {"data": {"image": "/data/upload/1/other.jpg"}},
        {"cancelled_annotations": 1},
    ],
    ids=["annotated", "draft", "without-prediction", "other-image", "skipped"],
)
def test_a_task_that_changed_since_the_dry_run_is_left_out(loop, studio, change):
    token = plan_acceptance(loop.rates, 1, ERROR).token
    studio.tasks[0].update(change)

    made = go_on(loop, token)

    assert made[0] is None
    assert None not in made[1:]
    assert [task.task_id for task in loop.reviews.accepted.read(1)] == ALL[1:]


def test_a_task_with_the_id_of_an_accepted_one_that_was_deleted_is_accepted_again(loop, studio):
    accept(loop)
    arrive(loop, studio)
    task = studio.tasks[0]
    task["annotations"].clear()
    loop.reviews.store.delete(1, TASK, {1: studio.clock + timedelta(hours=1)}, is_current=True)
    (entry,) = loop.serving.predictions.newest(1, [1]).values()
    loop.serving.predictions.append([replace(entry, id=None, served_at=studio.clock + timedelta(hours=2))])

    made = accept(loop)

    assert (len(made), len(task["annotations"])) == (1, 1)
    assert [accepted.task_id for accepted in loop.reviews.accepted.read(1)] == ALL


def test_another_prediction_in_label_studio_is_not_accepted(loop, studio):
    studio.tasks[0]["predictions"][0]["result"] = [ls_region("r1", label="Person", x=10, y=10, width=30, height=30)]

    assert accept(loop)[0] is None


def test_tasks_of_the_audit_are_left_for_people(loop, studio):
    (entry,) = loop.serving.predictions.of_task(1, 1)
    loop.serving.predictions.append(
        [served(region("x", score=0.9), task=1, version=entry.version, stream=AUDIT, image=entry.image)]
    )

    plan = plan_acceptance(loop.rates, 1, ERROR)

    assert [task.task_id for task in plan.tasks] == ALL[1:]
    assert (plan.open, plan.open_audits) == (OPEN, 1)


def test_wrong_boxes_of_every_kind_count(loop):
    kinds = (Decision.FALSE_POSITIVE, Decision.CORRECTED, Decision.MISSED)
    for kind, first in zip(kinds, (2000, 2100, 2200), strict=True):
        audit(loop, range(first, first + 50), kind)

    plan = plan_acceptance(loop.rates, 1, ERROR)

    assert not plan.tasks
    assert plan.needed is None
    assert plan.all_audited == AUDITED + 150


def test_an_open_task_that_was_in_a_dataset_is_not_accepted(loop):
    """A version that learnt an image is surer of it than it is right."""
    loop.datasets.splits.keep_sides(1, {1: False})

    assert [task.task_id for task in plan_acceptance(loop.rates, 1, ERROR).tasks] == ALL[1:]


def test_an_audited_task_that_had_a_review_before_the_version_predicted_it_does_not_count(loop):
    for task in range(1000, 1010):  # a second person annotates them
        loop.reviews.store.record(review(region("old"), annotation=10_000 + task, task=task, minutes=-60), {})

    assert plan_acceptance(loop.rates, 1, ERROR).all_audited == AUDITED - 10


def test_audited_tasks_of_another_share_do_not_count(loop, studio):
    """They are too many of the tasks that came while the share was larger, and say little about the others."""
    version = champion(loop)
    for task in studio.tasks:
        box = region(f"r{task['id']}", score=0.9)
        entry = served(box, task=task["id"], version=version, image=identify(task["data"]["image"]))
        loop.serving.predictions.append([replace(entry, propensity=0.5)])

    plan = plan_acceptance(loop.rates, 1, ERROR)

    assert plan.open == OPEN
    assert plan.all_audited == 0
    assert not plan.tasks


def test_a_small_audit_tells_how_many_more_are_needed(rooms, studio, tmp_path):
    (tmp_path / "some.pt").write_bytes(b"weights")
    serve(rooms, tmp_path)
    loop = swap(rooms, (rooms.studio.client, studio))
    predict(loop, studio)
    audit(loop, range(1000, 1005))

    plan = plan_acceptance(loop.rates, 1, ERROR)

    assert not plan.tasks
    assert plan.needed is not None
    assert 5 < plan.needed <= AUDITED


def test_what_an_earlier_version_accepted_does_not_flatter_the_next(loop, studio, tmp_path):
    """The surest of the rest are gone, so those of the audit that are as sure say nothing about what is left."""
    accept(loop)
    serve(loop, tmp_path)
    studio.add_task()
    studio.tasks[-1].update(NOTHING, predictions=[])
    predict(loop, studio)
    audit(loop, range(1000, 1000 + AUDITED))

    plan = plan_acceptance(loop.rates, 1, ERROR)

    assert plan.all_audited == 0
    assert not plan.tasks


def test_a_project_without_a_version_says_so(rooms):
    with pytest.raises(NoChampion, match="no version serves"):
        plan_acceptance(rooms.rates, 1, ERROR)
