"""What a newcomer sees on a real Label Studio from `loop connect` on, before anything is trained."""

from itertools import combinations

import pytest

from loop.installation.doctor import doctor
from loop.installation.findings import Level
from scripts.demo.annotator import box_of
from tests.services import loop_running, make_project, project_of, run_loop, settings_of, until
from tests.vision.start.builders import make_base, make_encoder

pytestmark = pytest.mark.timeout(300)
VERSION = "yolo_detector@0.0.0"


def tasks_of(api, project_id):
    params = {"project": project_id, "fields": "all", "page_size": 100}
    return api.get("/api/tasks", params=params).raise_for_status().json()["tasks"]


def predictions_of(api, project_id, version=VERSION):
    return [
        prediction
        for task in tasks_of(api, project_id)
        for prediction in task["predictions"]
        if prediction["model_version"] == version
    ]


def add_broken_task(api, project_id):
    """Add a task whose image is not there; return its id."""
    task = {"data": {"image": f"/data/upload/{project_id}/none.jpg"}, "project": project_id}
    return api.post("/api/tasks/", json=task).raise_for_status().json()["id"]


def test_the_first_minutes_of_a_project_whose_labels_nothing_knows(api, loop_rooms, loop_settings):
    project_id, _ = make_project(api, "Newcomer", 3, seed=31)
    broken = add_broken_task(api, project_id)

    lines = run_loop(loop_settings, "connect", "--project", str(project_id)).splitlines()

    at_once = doctor(loop_rooms.installation, project_id, seconds=30)
    assert [finding for finding in at_once if finding.level == Level.WRONG] == []
    steps = lines[lines.index("next, by itself:") + 1 :]
    assert steps[0].startswith(f"  1. now: a job predicts the 4 open tasks with {VERSION}")
    assert "; nothing is suggested until a trained version serves: no class of" in steps[0]  # without an embedder
    assert steps[1].startswith("  2. after 16 more reviews (LOOP_RETRAIN_AFTER), `loop retrain` or Start Training")
    assert steps[2].startswith("  3. when it is trained: it serves if it is better beyond doubt")

    until(lambda: project_of(api, project_id)["model_version"] == VERSION, 90)
    until(lambda: len(predictions_of(api, project_id)) == 3, 60)
    assert {(prediction["score"], str(prediction["result"])) for prediction in predictions_of(api, project_id)} == {
        (None, "[]")
    }
    assert api.get(f"/api/projects/{project_id}/next/").raise_for_status().json()["id"]

    def is_named():
        findings = {each.check: each for each in doctor(loop_rooms.installation, project_id, seconds=30)}
        predictions = findings["predictions"]
        return predictions.level == Level.WARNING and f"not task {broken}: " in predictions.found

    until(is_named, 60)
    shown = run_loop(loop_settings, "status")
    assert f"project {project_id}: waiting: 16 more reviews until the next training" in shown
    assert f"project {project_id}: waiting: nothing is suggested until a trained version serves" in shown


@pytest.mark.long
def test_label_names_are_suggested_from_the_first_task_on(api, label_studio, tmp_path):
    base = make_base(tmp_path, "yoloe-11n.yaml")
    encoder = make_encoder(tmp_path, "mobileclip:blt")
    project_id, _ = make_project(api, "By name", 2, labels=("Thing", "Bird"), seed=33)
    settings = settings_of(label_studio, tmp_path / "home", LOOP_BASE_WEIGHTS=str(base), LOOP_IMAGE_SIZE="96")
    config = project_of(api, project_id)["label_config"]
    shown = config.replace("<RectangleLabels", '<RectangleLabels model_score_threshold="0.01"')
    api.patch(f"/api/projects/{project_id}/", json={"label_config": shown}).raise_for_status()

    with loop_running(settings):
        lines = run_loop(settings, "connect", "--project", str(project_id))
        until(lambda: len(predictions_of(api, project_id)) == 2, 90)

        assert f"{VERSION} serves: yoloe-11n.pt, at 96 pixels, asked for Thing, Bird" in lines
        labels = {
            label
            for prediction in predictions_of(api, project_id)
            for region in prediction["result"]
            for label in region["value"]["rectanglelabels"]
        }
        assert labels
        assert labels <= {"Thing", "Bird"}
        results = [prediction["result"] for prediction in predictions_of(api, project_id)]
        texts = [text for result in results for region in result for text in region.get("meta", {}).get("text", ())]
        assert any(text.startswith("less sure: ") for text in texts)  # one object, one box
        pairs = [pair for result in results for pair in combinations(map(box_of, result), 2)]
        assert max(first.iou(second) for first, second in pairs) < 0.7

        added = shown.replace("</RectangleLabels>", '<Label value="Hut “neu” 🎩"/></RectangleLabels>')
        api.patch(f"/api/projects/{project_id}/", json={"label_config": added}).raise_for_status()
        run_loop(settings, "sync", "--project", str(project_id))
        encoder.unlink()
        until(lambda: project_of(api, project_id)["model_version"] == "yolo_detector@0.0.1", 90)

        why = ("--project", str(project_id), "--why", "a test")
        run_loop(settings, "models", "rollback", *why)
        until(lambda: project_of(api, project_id)["model_version"] == VERSION, 60)
