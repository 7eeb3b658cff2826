"""Open tasks that no event named, and that a sweep finds to wait for a prediction."""

import pytest

from loop.serving.refresh import is_due
from loop.training.after_reviews import sync
from loop.vision.addresses import identify_image
from tests.builders import region, served
from tests.label_studio.fakes import StudioModel
from tests.reviews.builders import connected

TASKS = 2


def serve(rooms, studio, tmp_path):
    """Let a version serve that has predicted every task."""
    (tmp_path / "some.pt").write_bytes(b"weights")
    version = rooms.registry.versions.add(1, tmp_path / "some.pt").name
    rooms.registry.versions.promote(1, version, "a test")
    for task in studio.tasks:
        task.update(is_labeled=False, predictions=[{"id": task["id"], "model_version": version, "result": []}])
        image = identify_image(task["data"], "image")
        rooms.serving.predictions.append([served(region("p"), task=task["id"], version=version, image=image)])
    sync(rooms.trainings, 1)
    rooms.studio.projects.record_refresh(rooms.studio.projects.get(1), version)
    rooms.queue.asked.clear()


@pytest.mark.parametrize(("has_changed", "asked"), [(False, 0), (True, 1)])
def test_an_open_task_whose_image_a_script_replaced_is_predicted_again(empty_records, tmp_path, has_changed, asked):
    studio = StudioModel(TASKS)
    with connected(empty_records, tmp_path, studio) as rooms:
        serve(rooms, studio, tmp_path)
        if has_changed:
            studio.change_data(studio.tasks[0])

        sync(rooms.trainings, 1)

        assert rooms.queue.asked.count(("refresh", 1)) == asked


@pytest.mark.parametrize(("several", "asked"), [(1, 0), (2, 1)])
def test_tasks_that_are_open_again_are_predicted_though_the_event_was_lost(empty_records, tmp_path, several, asked):
    studio = StudioModel(TASKS)
    with connected(empty_records, tmp_path, studio) as rooms:
        serve(rooms, studio, tmp_path)
        studio.tasks[0].update(total_annotations=1, predictions=[])
        studio.fields["maximum_annotations"] = several

        studio.outlines_since = lambda *_: iter(())  # as the number of annotations moves no task
        sync(rooms.trainings, 1)

        assert rooms.queue.asked.count(("refresh", 1)) == asked
        project = rooms.studio.projects.get(1)
        assert is_due(rooms.serving, project) == bool(asked)  # also where the process is killed here
        rooms.studio.projects.record_refresh(project, project.refreshed_version)  # it could not predict the task
        sync(rooms.trainings, 1)
        assert rooms.queue.asked.count(("refresh", 1)) == asked
