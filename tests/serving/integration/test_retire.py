"""Old predictions in a real Label Studio: removed where nobody has begun, kept for whoever has."""

from contextlib import closing
from dataclasses import replace

import pytest

from loop.installation.processes import EmbeddedRedis
from loop.label_studio.payloads import read_review
from loop.regions import Box
from loop.reviews.judging import judge_tasks
from loop.reviews.verdict_query import VerdictFilter
from loop.reviews.verdicts import Decision
from loop.serving.refresh import refresh
from loop.serving.retire import retire
from loop.wiring import build
from tests.fakes import FakeDetectors
from tests.services import make_project, project_of, settings_of
from tests.swap import swap

pytestmark = pytest.mark.timeout(240)


@pytest.fixture(scope="module")
def rooms(label_studio, tmp_path_factory):
    """Records of our own; nothing runs beside them."""
    folder = tmp_path_factory.mktemp("retire")
    server = EmbeddedRedis(folder / "redis")
    server.start()
    variables = {"LOOP_KEEP_PREDICTIONS": "-1", "LOOP_REDIS_URL": server.address}
    with closing(build(settings_of(label_studio, folder / "home", **variables), migrate=True)) as built:
        yield swap(built, (built.registry.detectors, FakeDetectors((Box(0.1, 0.1, 0.5, 0.5), "car", 0.9))))
    server.stop()


@pytest.fixture
def project_id(api, rooms, tmp_path):
    """A project of five tasks that two versions have predicted; the second one serves."""
    made, _ = make_project(api, "Old predictions", 5, labels=("Car",), seed=31)
    rooms.studio.projects.save(made, "Old predictions", project_of(api, made)["label_config"])
    for number in range(2):
        weights = tmp_path / f"{number}.pt"
        weights.write_bytes(b"weights %d" % number)
        rooms.registry.versions.promote(made, rooms.registry.versions.add(made, weights).name, "better")
        refresh(rooms.serving, made)
    return made


def removing(rooms):
    return swap(rooms, (rooms.serving.policy, replace(rooms.serving.policy, keep_predictions=0.0)))


def stored(api, project_id):
    """By task: each stored prediction by its version."""
    listed = api.get("/api/tasks/", params={"project": project_id, "fields": "all"}).raise_for_status().json()["tasks"]
    return {task["id"]: {one["model_version"]: one for one in task["predictions"]} for task in listed}


OLD, NEW = "yolo_detector@1.0.0", "yolo_detector@1.1.0"


def test_old_predictions_go_but_from_tasks_that_somebody_has_begun(api, rooms, project_id):
    before = stored(api, project_id)
    annotated, skipped, drafted, foreign, untouched = sorted(before)
    api.post(f"/api/tasks/{annotated}/annotations/", json={"result": []}).raise_for_status()
    api.post(f"/api/tasks/{skipped}/annotations/", json={"result": [], "was_cancelled": True}).raise_for_status()
    api.post(f"/api/tasks/{drafted}/drafts", json={"result": [], "lead_time": 1}).raise_for_status()
    theirs = {"task": foreign, "model_version": "theirs", "result": [], "score": 0.5}
    api.post(f"/api/projects/{project_id}/import/predictions", json=[theirs]).raise_for_status()

    assert retire(removing(rooms).serving, project_id) == "2 old predictions removed"

    left = {number: set(found) for number, found in stored(api, project_id).items()}
    assert left == {
        annotated: {OLD, NEW},
        skipped: {OLD, NEW},
        drafted: {OLD, NEW},
        foreign: {NEW, "theirs"},
        untouched: {NEW},
    }
    assert retire(removing(rooms).serving, project_id) == "0 old predictions removed"


def test_a_rollback_gives_the_same_predictions_again(api, rooms, project_id):
    before = {number: found[OLD]["result"] for number, found in stored(api, project_id).items()}
    assert all(before.values())
    retire(removing(rooms).serving, project_id)

    rooms.registry.versions.roll_back(project_id, "it was better")
    refresh(removing(rooms).serving, project_id)

    after = stored(api, project_id)
    assert {number: found[OLD]["result"] for number, found in after.items()} == before
    assert all(set(found) == {OLD} for found in after.values())
    assert rooms.studio.client.project(project_id).version == OLD


def test_who_opened_a_task_before_its_prediction_went_is_judged_by_what_they_saw(api, rooms, project_id):
    task_id = min(stored(api, project_id))
    seen = stored(api, project_id)[task_id][OLD]
    retire(removing(rooms).serving, project_id)

    refused = api.post(
        f"/api/tasks/{task_id}/annotations/", json={"result": seen["result"], "parent_prediction": seen["id"]}
    )
    made = api.post(f"/api/tasks/{task_id}/annotations/", json={"result": seen["result"]}).raise_for_status().json()

    assert refused.status_code == 400  # why old predictions stay for a while
    config = rooms.studio.projects.get(project_id).config()
    review = read_review(made, config, project_id=project_id, task_id=task_id)
    rooms.reviews.store.record(review, rooms.studio.client.named_tasks(project_id, [task_id])[task_id].data)
    judge_tasks(rooms.reviews, project_id, [task_id])
    (verdict,) = rooms.reviews.verdicts.all(VerdictFilter(project=project_id))
    assert (verdict.version, verdict.decision) == (OLD, Decision.CONFIRMED)


def test_the_predictions_of_some_tasks_are_removed_in_one_request_and_no_others(api, rooms, project_id):
    first, second, *others = before = stored(api, project_id)

    rooms.studio.client.delete_predictions(project_id, [first, second])

    assert stored(api, project_id) == {first: {}, second: {}, **{task: before[task] for task in others}}
    assert rooms.studio.client.count_open(project_id, NEW) == len(others)
