"""A sweep makes up for events that were lost or came late, whatever became of ids since, and wherever it is killed."""

from datetime import UTC, datetime, timedelta

import pytest

from loop.reviews.standing import ANNOTATION
from loop.storage.taxonomy_tables import named_boxes
from loop.training.after_reviews import review, sync
from tests.builders import NOON, count_statements, region
from tests.builders import review as one_review
from tests.label_studio.builders import boxes
from tests.label_studio.fakes import StudioModel
from tests.reviews.builders import arrive, connected, run_and_be_killed, state

TASKS = 2


def test_a_killed_sweep_is_made_up_for(empty_records, tmp_path):
    studio = StudioModel(TASKS)
    for task in studio.tasks:
        studio.annotate(task, boxes("p", "drawn"))
    with connected(empty_records, tmp_path, studio) as rooms:
        kills = [run_and_be_killed(rooms, sync, statement) for statement in range(3, 60, 4)]

        sync(rooms.trainings, 1)

        assert sum(kills) > 5
        assert len(state(rooms)[0]) == TASKS
        assert len(state(rooms)[1]) == 2 * TASKS


def test_only_tasks_with_reviews_are_read_whole_and_judged(empty_records, tmp_path):
    studio, read = StudioModel(50), []
    studio.annotate(studio.tasks[6], boxes("p"))
    named_tasks = studio.named_tasks
    studio.named_tasks = lambda project_id, ids: read.extend(ids) or named_tasks(project_id, ids)
    with connected(empty_records, tmp_path, studio) as rooms:
        assert sync(rooms.trainings, 1).changed == 1
        statements = count_statements(rooms.engine, lambda: sync(rooms.trainings, 1))

    assert set(read) == {7}
    assert statements < 50


def test_a_sync_finds_what_changed_after_the_clock_of_label_studio_went_back(empty_records, tmp_path):
    studio = StudioModel(3)
    studio.annotate(studio.tasks[0], boxes("p"))
    with connected(empty_records, tmp_path, studio) as rooms:
        sync(rooms.trainings, 1)
        studio.clock -= timedelta(hours=1)
        studio.annotate(studio.tasks[1], boxes("p"))
        studio.tasks[0]["annotations"].clear()

        sync(rooms.trainings, 1)

        assert set(rooms.reviews.store.find_counted(1)) == {studio.tasks[1]["id"]}


def test_the_verdicts_of_a_review_that_is_gone_are_removed_by_the_next_sync(empty_records, tmp_path):
    studio = StudioModel(TASKS)
    studio.annotate(studio.tasks[0], boxes("p"))
    with connected(empty_records, tmp_path, studio) as rooms:
        sync(rooms.trainings, 1)
        assert rooms.rates.store.read_verdicts(1)
        rooms.reviews.store.delete(1, ANNOTATION, {1: studio.clock}, is_current=True)  # killed before it judged
        studio.tasks[0]["annotations"].clear()

        sync(rooms.trainings, 1)

        assert not rooms.rates.store.read_verdicts(1)


def test_open_tasks_that_went_without_an_event_leave_the_queue(empty_records, tmp_path):
    studio = StudioModel(TASKS)
    with connected(empty_records, tmp_path, studio) as rooms:
        sync(rooms.trainings, 1)
        assert len(rooms.serving.predictions.read_open(1, "yolo_detector@1.0.0")) == TASKS
        studio.tasks.pop()  # as through the API

        sync(rooms.trainings, 1)

        assert list(rooms.serving.predictions.read_open(1, "yolo_detector@1.0.0")) == [1]


def test_the_named_boxes_of_a_task_that_went_without_an_event_are_no_references(empty_records, tmp_path):
    studio, row = StudioModel(1), {"project_id": 1, "task_id": 1, "crop": "c", "image": "/a.jpg", "region": "r"}
    with connected(empty_records, tmp_path, studio) as rooms:
        named = {**row, "box": [0.1, 0.1, 0.4, 0.4], "label": "Car", "cluster": "c1", "named_at": datetime.now(UTC)}
        with rooms.engine.begin() as connection:
            connection.execute(named_boxes.insert().values(named))
        assert rooms.references.task_states.read_named(1, [1])
        studio.tasks.clear()

        sync(rooms.trainings, 1)

        assert not rooms.references.task_states.read_named(1, [1])


def test_a_review_that_comes_while_the_sweep_reads_is_kept(empty_records, tmp_path):
    studio = StudioModel(TASKS)
    studio.add_task()
    with connected(empty_records, tmp_path, studio) as rooms:
        rooms.reviews.store.record(
            one_review(region("p"), task=TASKS + 1, minutes=30), {}
        )  # the studio's clock is before that

        sync(rooms.trainings, 1)

        assert list(rooms.reviews.store.find_counted(1)) == [TASKS + 1]


def test_a_new_task_under_an_old_id_is_not_judged_by_what_the_old_one_was_shown(empty_records, tmp_path):
    studio = StudioModel(TASKS)
    studio.wipe()
    studio.add_task(boxes("drawn"))
    with connected(empty_records, tmp_path, studio) as rooms:
        sync(rooms.trainings, 1)

        assert list(rooms.reviews.store.find_counted(1)) == [1]
        assert not rooms.rates.store.read_verdicts(1)


def test_a_sweep_finds_nothing_new_in_what_the_events_told(empty_records, tmp_path):
    studio = StudioModel(TASKS)
    for task in studio.tasks:
        studio.annotate(task, boxes("p"))
    with connected(empty_records, tmp_path, studio) as rooms:
        arrive(rooms, *studio.sent)
        review(rooms.trainings, 1)
        seen_until = rooms.reviews.facts.find_newest(1)

        assert sync(rooms.trainings, 1).changed == 0
        assert rooms.reviews.store.new_since(1, seen_until) == 0
        assert not rooms.reviews.store.find_uncompared(1)


def test_what_an_event_told_is_to_be_compared_until_a_sweep_says_that_it_was(rooms):
    rooms.reviews.store.record(one_review(region("p")), {})
    before = rooms.reviews.store.find_uncompared(1)

    rooms.reviews.store.record(one_review(region("q"), edited=9), {}, is_current=True)
    assert rooms.reviews.store.find_uncompared(1) == before  # the sweep is still at it, and may be killed

    rooms.reviews.store.delete(1, ANNOTATION, {1: NOON})
    rooms.reviews.store.mark_compared(1, before)
    assert len(rooms.reviews.store.find_uncompared(1)) == 1  # something else was told meanwhile

    rooms.reviews.store.mark_compared(1, rooms.reviews.store.find_uncompared(1))
    assert not rooms.reviews.store.find_uncompared(1)


def test_a_star_that_went_without_an_event_is_found_gone(empty_records, tmp_path):
    studio = StudioModel(1)
    (task,) = studio.tasks
    studio.annotate(task, boxes("p"))
    first = task["annotations"][0]
    studio.star(task, first)
    studio.annotate(task, boxes("q"))
    second = task["annotations"][1]
    with connected(empty_records, tmp_path, studio) as rooms:
        sync(rooms.trainings, 1)
        assert rooms.reviews.store.find_counted(1)[1].review.id == first["id"]

        studio.star(task, second)  # which takes the star of the first away
        studio.edit(task, second, boxes("q"))
        second["ground_truth"] = False
        sync(rooms.trainings, 1)

        assert rooms.reviews.store.find_counted(1)[1].review.id == second["id"]
        assert not rooms.reviews.store.find_counted(1)[1].review.is_ground_truth


def test_the_data_of_a_task_that_a_script_changed_is_that_of_its_reviews(empty_records, tmp_path):
    studio = StudioModel(TASKS)
    studio.annotate(studio.tasks[0], boxes("p"))
    with connected(empty_records, tmp_path, studio) as rooms:
        sync(rooms.trainings, 1)
        studio.change_data(studio.tasks[0])

        assert sync(rooms.trainings, 1).changed == 1

        assert rooms.reviews.store.find_counted(1)[1].data == studio.tasks[0]["data"]
        assert sync(rooms.trainings, 1).changed == 0


def test_an_event_worked_on_after_a_sweep_does_not_bring_back_what_was_deleted_before_it(empty_records, tmp_path):
    studio = StudioModel(TASKS)
    task = studio.tasks[0]
    studio.annotate(task, boxes("p"))
    (made,) = studio.sent
    studio.delete_annotation(task, task["annotations"][0])  # whose event is lost
    studio.add_task()  # later than the sweep looks back
    with connected(empty_records, tmp_path, studio) as rooms:
        sync(rooms.trainings, 1)
        arrive(rooms, made)
        review(rooms.trainings, 1)

        sync(rooms.trainings, 1)

        assert not rooms.reviews.store.find_counted(1)
        assert not rooms.rates.store.read_verdicts(1)


@pytest.mark.parametrize("gone", ["annotation", "task"])
def test_a_deletion_told_after_a_sweep_does_not_take_what_has_its_id_since(empty_records, tmp_path, gone):
    studio = StudioModel(1)
    (task,) = studio.tasks
    studio.annotate(task, boxes("p"))
    if gone == "annotation":
        studio.delete_annotation(task, task["annotations"][0])
    else:
        studio.delete_task(task)
        studio.add_task()
    deleted = studio.sent[-1]
    studio.annotate(studio.tasks[0], boxes("drawn"))
    studio.add_task()  # later than the sweep looks back
    with connected(empty_records, tmp_path, studio) as rooms:
        sync(rooms.trainings, 1)
        arrive(rooms, deleted)
        review(rooms.trainings, 1)

        sync(rooms.trainings, 1)

        assert list(rooms.reviews.store.find_counted(1)) == [1]


def test_what_an_event_told_late_is_compared_though_the_sweep_is_killed(empty_records, tmp_path):
    studio = StudioModel(1)
    (task,) = studio.tasks
    studio.annotate(task, boxes("p"))
    (made,) = studio.sent
    studio.delete_annotation(task, task["annotations"][0])
    studio.add_task()
    with connected(empty_records, tmp_path, studio) as rooms:
        sync(rooms.trainings, 1)
        arrive(rooms, made)
        review(rooms.trainings, 1)
        kills = 0

        while run_and_be_killed(rooms, sync, kills):
            kills += 1

        assert kills > 10
        assert not rooms.reviews.store.find_counted(1)
        assert not rooms.rates.store.read_verdicts(1)
