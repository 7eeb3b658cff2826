"""Tiles through a real Label Studio: a project is trained in them, and its annotator meets the boxes they gave."""

import pytest

from loop.vision.tiling.tiles import Tiling
from scripts.demo.annotator import box_of
from tests.services import RETRAIN_AFTER, make_project, project_of, run_loop, until

pytestmark = [pytest.mark.timeout(1800), pytest.mark.long]


@pytest.fixture(scope="module")
def tiled(api, loop_settings, loop_rooms):
    """A project of 22 scenes of 480x360 pixels; 16 were reviewed, and a version was trained in tiles of 320."""
    project_id, annotator = make_project(api, "Tiles", 22, seed=6)
    run_loop(loop_settings, "connect", "--project", str(project_id))
    # the predictions set the order of the queue, so which images are held out
    until(lambda: project_of(api, project_id)["model_version"] == "yolo_detector@0.0.0", 60)
    run_loop(loop_settings, "policy", "--project", str(project_id), "--tile", "320", "--tile-overlap", "0.4")
    for _ in range(RETRAIN_AFTER):
        assert annotator.review_next()
    training = until(lambda: next((t for t in loop_rooms.trainings.store.last(project_id) if t.ended_at), None), 400)
    assert training.status == "promoted", training.end
    return project_id, annotator, loop_rooms.registry.versions.champion(project_id)


def test_the_version_of_a_project_in_tiles_predicts_its_open_tasks_in_them(api, tiled, loop_settings):
    project_id, _, version = tiled
    until(lambda: project_of(api, project_id)["model_version"] == version.name, 60)

    tasks = api.get("/api/tasks", params={"project": project_id, "fields": "all", "page_size": 50}).json()["tasks"]

    boxes = [
        box_of(region)
        for task in tasks
        for prediction in task["predictions"]
        if prediction["model_version"] == version.name
        for region in prediction["result"]
    ]
    assert version.framing.tiling == Tiling(320, 128)
    assert '"side": 320' in run_loop(loop_settings, "models", "show", "1.0.0", "--project", str(project_id))
    assert boxes
    assert all(0 <= box.x0 < box.x1 <= 1.000001 and 0 <= box.y0 < box.y1 <= 1.000001 for box in boxes)


def test_its_boxes_are_reviewed_and_judged_one_by_one(tiled, loop_rooms):
    project_id, annotator, version = tiled
    task = until(annotator.review_next, 30)
    until(lambda: loop_rooms.rates.store.count_by_version(project_id).get(version.name), 60)

    shown = loop_rooms.serving.predictions.of_task(project_id, task)[-1].regions
    verdicts = [
        verdict
        for verdict in loop_rooms.rates.store.read_verdicts(project_id)
        if verdict.version == version.name and verdict.decision != "missed"
    ]

    assert len(verdicts) == len(shown)
