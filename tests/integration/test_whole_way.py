"""The whole way through a real Label Studio, from images to the next version's pre-annotations."""

import pytest

from loop.label_studio.webhook import PROJECT_HEADER
from loop.serving.refresh import is_due
from tests.services import RETRAIN_AFTER, make_project, project_of, run_loop_anew, until

pytestmark = pytest.mark.timeout(400)


@pytest.fixture(scope="module")
def connected(api, loop_settings, loop_rooms):
    """A project of 22 tasks that `loop connect` has just set up."""
    project_id, annotator = make_project(api, "Whole way", 22)
    output = run_loop_anew(loop_settings, "connect", "--project", str(project_id))
    return project_id, annotator, output


def served_by(api, rooms, project_id):
    """The champion, once Label Studio's queue follows it."""

    def followed():
        champion = rooms.registry.versions.champion(project_id)
        return champion and project_of(api, project_id)["model_version"] == champion.name and champion.name

    return until(followed, 60)


def test_connect_sets_the_project_up_and_says_so(api, connected, loop_settings):
    project_id, _, output = connected

    assert "yolo_detector@0.0.0 serves" in output
    assert project_of(api, project_id)["sampling"] == "Uncertainty sampling"
    hooks = api.get("/api/webhooks/", params={"project": project_id}).json()
    assert [PROJECT_HEADER in hook["headers"] for hook in hooks] == [True]
    assert "added the view" in output
    assert "nothing to change" in run_loop_anew(loop_settings, "connect", "--project", str(project_id))


def test_reviews_lead_to_a_better_version_by_webhooks_alone(api, connected, loop_rooms, loop_settings):
    project_id, annotator, _ = connected
    first = served_by(api, loop_rooms, project_id)
    assert first == "yolo_detector@0.0.0"

    for _ in range(RETRAIN_AFTER):
        assert annotator.review_next()

    until(lambda: loop_rooms.reviews.store.new_since(project_id, None) == RETRAIN_AFTER, 30)
    rates = until(lambda: loop_rooms.rates.store.count_by_version(project_id).get(first), 30)
    assert rates.missed > RETRAIN_AFTER  # the start weights know no Thing

    training = until(lambda: next((t for t in loop_rooms.trainings.store.last(project_id) if t.ended_at), None), 200)
    assert training.status == "promoted", training
    assert training.report["snapshot"]["images"]["train"] + training.report["snapshot"]["images"]["held_out"] == 16

    assert served_by(api, loop_rooms, project_id) == "yolo_detector@1.0.0"  # after the first batch
    until(lambda: not is_due(loop_rooms.serving, loop_rooms.studio.projects.get(project_id)), 30)
    tasks = api.get("/api/tasks", params={"project": project_id, "fields": "all", "page_size": 50}).json()["tasks"]
    open_tasks = [task for task in tasks if not task["annotations"]]
    assert len(open_tasks) == 6
    for task in open_tasks:
        versions = [prediction["model_version"] for prediction in task["predictions"]]
        assert sorted(versions) == ["yolo_detector@0.0.0", "yolo_detector@1.0.0"]
    assert "yolo_detector@1.0.0" in run_loop_anew(loop_settings, "status")


def test_the_least_certain_task_is_served_first(api, connected, loop_rooms):
    project_id, _, _ = connected
    version = served_by(api, loop_rooms, project_id)
    tasks = api.get("/api/tasks", params={"project": project_id, "fields": "all", "page_size": 50}).json()["tasks"]
    scores = {
        task["id"]: prediction["score"]
        for task in tasks
        if not task["annotations"]
        for prediction in task["predictions"]
        if prediction["model_version"] == version
    }

    served = api.get(f"/api/projects/{project_id}/next").raise_for_status().json()

    assert scores[served["id"]] == min(scores.values())


def test_a_rollback_is_served_in_seconds_and_comes_back(api, connected, loop_rooms, loop_settings):
    project_id, _, _ = connected
    served_by(api, loop_rooms, project_id)

    assert "0.0.0 serves" in run_loop_anew(loop_settings, "models", "rollback", "--project", str(project_id))
    assert project_of(api, project_id)["model_version"] == "yolo_detector@0.0.0"
    run_loop_anew(loop_settings, "models", "promote", "1.0.0", "--project", str(project_id), "--why", "a test")

    assert served_by(api, loop_rooms, project_id) == "yolo_detector@1.0.0"
    listed = run_loop_anew(loop_settings, "models", "list", "--project", str(project_id))
    assert "champion" in listed
    assert '"sha256"' in run_loop_anew(loop_settings, "models", "show", "1.0.0", "--project", str(project_id))


def test_label_studio_retrieves_predictions_from_the_backend(api, connected, loop_rooms):
    """The bulk action of the Data Manager: all selected tasks in one /predict."""
    project_id, _, _ = connected
    version = served_by(api, loop_rooms, project_id)
    tasks = api.get("/api/tasks", params={"project": project_id, "page_size": 50}).json()["tasks"]
    reviewed = [task["id"] for task in tasks if task["is_labeled"]]

    def retrieved():
        answer = api.post(
            "/api/dm/actions",
            params={"id": "retrieve_tasks_predictions", "project": project_id},
            json={"selectedItems": {"all": False, "included": reviewed}},
        )
        assert answer.status_code == 200
        task = api.get(f"/api/tasks/{reviewed[0]}").json()
        return version in [prediction["model_version"] for prediction in task["predictions"]]

    until(retrieved, 30)  # after a promotion the old version answers until the new one is in memory


def test_new_tasks_are_predicted_without_being_asked_for(api, connected, loop_rooms):
    project_id, _, _ = connected
    version = served_by(api, loop_rooms, project_id)
    known = api.get("/api/tasks", params={"project": project_id, "page_size": 1}).json()["tasks"][0]

    api.post(f"/api/projects/{project_id}/import", json=[known["data"], {"image": "/data/upload/1/none.jpg"}])

    def predicted():
        params = {"project": project_id, "fields": "all", "page_size": 50}
        tasks = api.get("/api/tasks", params=params).json()["tasks"]
        return [p["model_version"] for p in tasks[-2]["predictions"]] == [version]

    until(predicted, 60)


@pytest.mark.long  # half a minute; `test_closed.py` starts a training that way too
def test_start_training_asks_for_a_training(api, connected, loop_rooms):
    project_id, _, _ = connected
    before = len(loop_rooms.trainings.store.last(project_id, 99))
    (backend,) = api.get("/api/ml/", params={"project": project_id}).json()

    api.post(f"/api/ml/{backend['id']}/train", json={}).raise_for_status()

    until(lambda: len(loop_rooms.trainings.store.last(project_id, 99)) > before, 30)
    until(lambda: not loop_rooms.trainings.store.open(project_id), 200)
