"""Verbs on versions and regions, on a project of a real Label Studio."""

import json

import pytest

from tests.services import make_project, project_of, run_loop, until

pytestmark = pytest.mark.timeout(300)


def versions_of(api, task_id):
    return sorted(one["model_version"] for one in api.get(f"/api/tasks/{task_id}").json()["predictions"])


@pytest.mark.long  # most of a minute, for ten commands
def test_a_version_is_given_out_taken_in_tried_in_the_shadow_pinned_and_traced(
    api, loop_rooms, loop_settings, tmp_path
):
    project_id, annotator = make_project(api, "Verbs", 5, labels=("item",), seed=31)
    at = ("--project", str(project_id))
    run_loop(loop_settings, "connect", *at)
    first, second = "yolo_detector@0.0.0", "yolo_detector@0.1.0"
    until(lambda: project_of(api, project_id)["model_version"] == first, 60)
    archive = str(tmp_path / "first.tar.gz")

    run_loop(loop_settings, "models", "export", "0.0.0", *at, "--out", archive)
    run_loop(loop_settings, "models", "add", archive, *at, "--version", "0.1.0")
    refused = run_loop(loop_settings, "models", "promote", "0.1.0", *at, ok=False)
    run_loop(loop_settings, "models", "shadow", "0.1.0", *at, "--share", "1", "--show")
    tasks = api.get("/api/tasks", params={"project": project_id, "page_size": 50}).json()["tasks"]
    until(lambda: all(versions_of(api, task["id"]) == [first, second] for task in tasks), 60)
    reviewed = annotator.review_next()
    until(lambda: reviewed in loop_rooms.reviews.store.find_counted(project_id), 30)
    until(lambda: loop_rooms.rates.store.count_by_version(project_id).get(first), 30)
    (annotation,) = api.get(f"/api/tasks/{reviewed}/annotations/").json()
    traced = run_loop(loop_settings, "lineage", *at, "--region", annotation["result"][0]["id"], "--json")
    run_loop(loop_settings, "models", "pin", "0.1.0", *at)
    until(lambda: project_of(api, project_id)["model_version"] == second, 60)

    assert "--force" in refused
    assert json.loads(traced)["verdicts"][0]["annotation"] == annotation["id"]
    assert second in run_loop(loop_settings, "rates", *at, "--shadow")
    assert "pinned" in run_loop(loop_settings, "models", "promote", "0.0.0", *at, ok=False)
    run_loop(loop_settings, "models", "unpin", *at)
    assert first in run_loop(loop_settings, "models", "rollback", *at)
    assert project_of(api, project_id)["model_version"] == first
