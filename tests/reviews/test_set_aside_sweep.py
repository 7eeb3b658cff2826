"""Tasks and projects of unforeseen form in a sweep: set aside, and everything else is compared."""

import pytest

from loop.errors import UpstreamError
from loop.installation.checks_work import tasks
from loop.jobs import _ask_again
from loop.reviews.judging import judge_tasks
from loop.reviews.set_aside import Step
from loop.reviews.standing import ANNOTATION
from loop.storage.tables import projects, reviews
from loop.training.after_reviews import rebuild, review, sync
from tests.builders import CONFIG, created, ls_region, region, served
from tests.label_studio.builders import boxes
from tests.label_studio.fakes import StudioModel
from tests.reviews.builders import decisions, take
from tests.reviews.fakes import Failing
from tests.swap import swap


def test_label_studio_that_does_not_answer_sets_no_task_aside(rooms):
    rooms.serving.predictions.append([served(region("p"))])
    broken = swap(
        rooms, (rooms.serving.predictions, Failing(rooms.serving.predictions, "of_task", UpstreamError("no answer")))
    )
    event = created(ls_region())
    rooms.reviews.events.append(1, event["action"], event)

    with pytest.raises(UpstreamError):
        review(broken.trainings, 1)

    assert len(rooms.reviews.events.pending(1)) == 1
    assert not rooms.reviews.set_aside.all(1)


def test_a_task_that_cannot_be_judged_has_no_verdicts_and_the_sweep_looks_at_it_again(rooms):
    rooms.serving.predictions.append([served(region("p"), task=task) for task in (1, 2)])
    studio = StudioModel(2)
    for task in studio.tasks:
        studio.annotate(task, boxes("p"))
    rooms = swap(rooms, (rooms.studio.client, studio))
    take(rooms, *studio.sent)
    sync(rooms.trainings, 1)
    with rooms.engine.begin() as connection:  # as a later version may have left it
        connection.execute(reviews.update().where(reviews.c.task_id == 1).values(regions=[{"form": "unforeseen"}]))

    judge_tasks(rooms.reviews, 1, [1, 2])

    assert {task_id for task_id, _ in decisions(rooms)} == {2}
    (aside,) = rooms.reviews.set_aside.all(1)
    assert (aside.task_id, aside.step) == (1, Step.JUDGE)
    assert "task 1, at judge" in tasks(rooms.installation, rooms.studio.projects.get(1))[0].found

    sync(rooms.trainings, 1)  # reads the review again

    assert {task_id for task_id, _ in decisions(rooms)} == {1, 2}
    assert not rooms.reviews.set_aside.all(1)


@pytest.mark.parametrize("bad", [7, None, {"id": "x"}, {"id": 9, "created_at": "9999-12-31T23:59:59-12:00"}, []])
def test_a_sweep_sets_a_task_aside_that_it_cannot_read_and_compares_the_others(rooms, bad):
    studio = StudioModel(3)
    for task in studio.tasks:
        studio.annotate(task, boxes("p"))
    good = studio.tasks[1]["annotations"][0]
    studio.tasks[1]["annotations"] = [bad, good]
    rooms = swap(rooms, (rooms.studio.client, studio))

    line = sync(rooms.trainings, 1).line

    assert list(rooms.reviews.store.find_counted(1)) == [
        1,
        3,
    ]  # of the second, the review that cannot be read may be the one
    assert [one.task_id for one in rooms.reviews.set_aside.all(1)] == [2]
    assert "1 tasks set aside: see `loop doctor`" in line

    studio.tasks[1]["annotations"] = [good]  # which changes no time that a sweep asks for
    sync(rooms.trainings, 1)

    assert list(rooms.reviews.store.find_counted(1)) == [1, 2, 3]
    assert not rooms.reviews.set_aside.all(1)


def test_of_a_task_with_an_annotation_that_nobody_can_tell_none_is_taken_for_deleted(rooms):
    studio = StudioModel(1)
    (task,) = studio.tasks
    studio.annotate(task, boxes("p"))
    rooms = swap(rooms, (rooms.studio.client, studio))
    sync(rooms.trainings, 1)

    task["annotations"] = [{"id": {"of": "another form"}}]
    studio.changed_at[1] = studio.clock
    line = sync(rooms.trainings, 1).line

    assert list(rooms.reviews.store.standing(1, ANNOTATION)) == [1]
    assert "1 tasks set aside" in line


@pytest.mark.parametrize("annotations", [7, "x", {"id": 1}, True])
def test_annotations_that_are_no_list_set_their_task_aside(rooms, annotations):
    studio = StudioModel(2)
    for task in studio.tasks:
        studio.annotate(task, boxes("p"))
    studio.tasks[0]["annotations"] = annotations
    rooms = swap(rooms, (rooms.studio.client, studio))

    rebuild(rooms.trainings, 1)

    assert list(rooms.reviews.store.find_counted(1)) == [2]
    assert [one.task_id for one in rooms.reviews.set_aside.all(1)] == [1]


def test_a_task_that_is_gone_is_not_set_aside_any_more(rooms):
    studio = StudioModel(1)
    studio.tasks[0]["annotations"] = [7]
    rooms = swap(rooms, (rooms.studio.client, studio))
    sync(rooms.trainings, 1)
    assert rooms.reviews.set_aside.all(1)

    studio.wipe()
    sync(rooms.trainings, 1)

    assert not rooms.reviews.set_aside.all(1)


def test_a_project_of_unforeseen_form_holds_no_other_up_in_the_sweep(rooms):
    rooms.studio.projects.save(2, "Buses", CONFIG)
    with rooms.engine.begin() as connection:
        connection.execute(projects.update().where(projects.c.id == 1).values(policy=["unforeseen"]))
    for number in (1, 2, 3):
        event = created(ls_region(), annotation=number, task=number, project=2)
        rooms.reviews.events.append(2, event["action"], event)

    line = _ask_again(rooms)

    assert line.startswith("asked again: review [2], refresh [")
