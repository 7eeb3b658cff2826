"""Events that never came are made up for."""

import pytest

from tests.builders import ls_annotation, ls_region
from tests.services import make_project, project_of, run_loop, until

pytestmark = pytest.mark.timeout(200)


@pytest.fixture
def deaf(api, loop_rooms, loop_settings):
    """A connected project of five tasks, and a way to take its webhook away."""
    project_id, annotator = make_project(api, "Deaf", 5, labels=("item",), seed=8)
    run_loop(loop_settings, "connect", "--project", str(project_id))
    until(lambda: len(loop_rooms.serving.predictions.newest(project_id, range(1, 10_000))) == 5, 60)

    def take_hook_away():
        for hook in api.get("/api/webhooks/", params={"project": project_id}).json():
            api.delete(f"/api/webhooks/{hook['id']}/")

    return project_id, annotator, take_hook_away


def test_reviews_deletions_and_imports_without_events_are_found(api, loop_rooms, loop_settings, deaf):
    project_id, annotator, take_hook_away = deaf

    def sync():
        return run_loop(loop_settings, "sync", "--project", str(project_id))

    take_hook_away()
    reviewed, unannotated, deleted = (annotator.review_next() for _ in range(3))
    assert not loop_rooms.reviews.store.find_counted(project_id)
    output = sync()
    assert output.startswith("3 tasks")
    assert "added the webhook" in output
    assert set(loop_rooms.reviews.store.find_counted(project_id)) == {reviewed, unannotated, deleted}
    assert loop_rooms.rates.store.count_by_version(project_id)["yolo_detector@0.0.0"].reviewed > 0

    take_hook_away()
    (annotation,) = api.get(f"/api/tasks/{unannotated}/annotations/").json()
    api.delete(f"/api/annotations/{annotation['id']}/").raise_for_status()
    api.delete(f"/api/tasks/{deleted}/").raise_for_status()
    image = api.get(f"/api/tasks/{reviewed}").json()["data"]["image"]
    imported = {"data": {"image": image}, "annotations": [{"result": ls_annotation(ls_region(label="item"))["result"]}]}
    api.post(f"/api/projects/{project_id}/import", json=[imported]).raise_for_status()
    api.patch(f"/api/tasks/{reviewed}/", json={"data": {"image": image, "camera": "7"}}).raise_for_status()
    sync()
    counted = loop_rooms.reviews.store.find_counted(project_id)
    assert counted[reviewed].data["camera"] == "7"
    assert {one["id"] for one in annotations_of(api, project_id)} == {one.review.id for one in counted.values()}
    assert reviewed in counted
    assert unannotated not in counted
    assert len(counted) == 2  # the imported one, which on SQLite has the ids of what was deleted

    assert sync().startswith("0 tasks")


def annotations_of(api, project_id):
    tasks = api.get("/api/tasks", params={"project": project_id, "fields": "all"}).json()["tasks"]
    return [annotation for task in tasks for annotation in task["annotations"]]


def test_a_task_stays_open_until_it_has_all_the_annotations_that_the_project_wants(api, loop_rooms, deaf):
    project_id, annotator, _ = deaf
    api.patch(f"/api/projects/{project_id}/", json={"maximum_annotations": 2}).raise_for_status()
    reviewed = annotator.review_next()

    assert reviewed in [task.id for task in loop_rooms.studio.client.open_tasks(project_id)]

    api.patch(f"/api/projects/{project_id}/", json={"maximum_annotations": 1}).raise_for_status()
    until(lambda: reviewed not in [task.id for task in loop_rooms.studio.client.open_tasks(project_id)])


def test_a_model_version_that_was_emptied_is_set_again(api, loop_rooms, loop_settings, deaf):
    project_id, _, _ = deaf
    until(lambda: project_of(api, project_id)["model_version"] == "yolo_detector@0.0.0", 60)
    api.patch(f"/api/projects/{project_id}/", json={"show_collab_predictions": False}).raise_for_status()
    assert project_of(api, project_id)["model_version"] == ""

    output = run_loop(loop_settings, "sync", "--project", str(project_id))

    assert "model_version set to yolo_detector@0.0.0" in output


def test_a_switched_off_webhook_is_switched_on_again(api, loop_rooms, loop_settings, deaf):
    project_id, _, _ = deaf
    (hook,) = api.get("/api/webhooks/", params={"project": project_id}).json()
    api.patch(f"/api/webhooks/{hook['id']}/", json={"url": hook["url"], "is_active": False}).raise_for_status()

    assert "repaired the webhook" in run_loop(loop_settings, "sync", "--project", str(project_id))

    (hook,) = api.get("/api/webhooks/", params={"project": project_id}).json()
    assert hook["is_active"]
