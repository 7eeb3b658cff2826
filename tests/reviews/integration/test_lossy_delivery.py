"""A real Label Studio whose webhooks are lost, doubled and shuffled, with workers killed: nothing is missing."""

import os
import random
import signal
from contextlib import closing

import pytest

from loop.wiring import build
from scripts.demo.label_studio import free_port
from tests.builders import ls_annotation, ls_region
from tests.reviews.integration import lossy_proxy
from tests.services import children, loop_running, make_project, run_loop, settings_of, until

pytestmark = [pytest.mark.timeout(400), pytest.mark.long]


@pytest.fixture
def lossy(label_studio, tmp_path):
    """A loop whose webhooks come through the proxy."""
    port = free_port()
    more = {"LOOP_URL": f"http://127.0.0.1:{port}", "LOOP_RETRAIN_AFTER": "1000", "LOOP_WEB_WORKERS": "1"}
    settings = settings_of(label_studio, tmp_path / "home", **more)
    with (
        lossy_proxy.running(port, settings.local_url, seed=5) as proxy,
        loop_running(settings) as process,
        closing(build(settings)) as rooms,
    ):
        yield settings, process, rooms, proxy


def annotations_of(api, project_id):
    tasks = api.get("/api/tasks", params={"project": project_id, "fields": "all", "page_size": 100}).json()["tasks"]
    return [{**annotation, "task": task["id"]} for task in tasks for annotation in task["annotations"]]


def work(api, project_id, annotator, random):
    """What annotators do in a while: review, edit, skip, star, delete, accept in bulk, import."""
    for _ in range(6):
        annotator.review_next()
    made = annotations_of(api, project_id)
    edited, skipped, starred, deleted = random.sample(made, 4)
    api.patch(f"/api/annotations/{edited['id']}/", json={"result": edited["result"][:1], "lead_time": 9.0})
    api.patch(f"/api/annotations/{skipped['id']}/", json={"was_cancelled": True})
    again = {"result": starred["result"], "lead_time": 3.0, "ground_truth": True}
    api.post(f"/api/tasks/{starred['task']}/annotations/", json=again).raise_for_status()
    api.delete(f"/api/annotations/{deleted['id']}/").raise_for_status()
    selection = {"selectedItems": {"all": False, "included": [made[0]["task"], made[1]["task"]]}}
    for action in ("predictions_to_annotations", "delete_tasks_annotations"):
        api.post("/api/dm/actions", params={"id": action, "project": project_id}, json=selection).raise_for_status()
    image = api.get(f"/api/tasks/{made[2]['task']}").json()["data"]["image"]
    imported = {
        "data": {"image": image},
        "annotations": [{"result": ls_annotation(ls_region(label="Thing"))["result"]}],
    }
    api.post(f"/api/projects/{project_id}/import", json=[imported]).raise_for_status()
    api.delete(f"/api/tasks/{made[3]['task']}/").raise_for_status()


def state(rooms, project_id):
    counted = rooms.reviews.store.find_counted(project_id)
    reviews = {task: (one.review.id, one.review.updated_at, one.review.regions) for task, one in counted.items()}
    return reviews, sorted(
        (one.decision, one.version, one.label) for one in rooms.rates.store.read_verdicts(project_id)
    )


def test_after_any_mix_of_losses_and_kills_one_sweep_ends_in_what_a_rebuild_gives(api, lossy):
    settings, process, rooms, proxy = lossy
    project_id, annotator = make_project(api, "Lossy", 24, seed=11)
    run_loop(settings, "connect", "--project", str(project_id))
    until(lambda: len(rooms.serving.predictions.newest(project_id, range(1, 10_000))) >= 24, 90)
    draws = random.Random(5)

    for _ in range(3):
        work(api, project_id, annotator, draws)
        proxy.let_go()
        for worker in children(process, "worker", "default"):
            os.kill(worker.pid, signal.SIGKILL)

    assert min(proxy.fates[fate] for fate in ("lost", "doubled", "passed")) >= 5
    until(lambda: not rooms.reviews.events.pending(project_id), 120)
    run_loop(settings, "sync", "--project", str(project_id))
    swept = state(rooms, project_id)
    run_loop(settings, "rebuild", "--project", str(project_id))
    annotations = {one["id"] for one in annotations_of(api, project_id)}

    assert swept == state(rooms, project_id)
    assert swept[1]
    assert {review[0] for review in swept[0].values()} <= annotations
