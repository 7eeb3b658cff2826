"""Two machines that share nothing but addresses: a training moves between them, and the store is down for a while."""

from contextlib import ExitStack, closing
from functools import partial

import psutil
import pytest

from loop.training.store import TrainingState
from loop.wiring import build
from scripts.bench import weights
from tests.installation.integration.machines import CLI, elsewhere, has_led, running, start, version_of, web
from tests.services import make_project, names_of, project_of, run_loop, settings_of, until

pytestmark = [pytest.mark.timeout(900), pytest.mark.long]
REVIEWS = 16
VERSION = "yolo_detector@1.0.0"


@pytest.fixture
def first(label_studio, postgres, redis, object_store, tmp_path):
    """The settings of the machine with the schedule, whose Redis and store are for this test alone."""
    url = postgres.make_database()
    settings = settings_of(
        label_studio,
        tmp_path / "first",
        LOOP_STORE=object_store.make_bucket("moves"),
        LOOP_DATABASE_URL=url,
        LOOP_REDIS_URL=redis.address,
        LOOP_BASE_WEIGHTS=str(weights.start_weights(tmp_path / "weights")),
        LOOP_EPOCHS="8",
        LOOP_RETRAIN_AFTER="1000",
    )
    build(settings, migrate=True).close()
    yield settings
    postgres.drop_database(url)


def training_of(rooms, project_id):
    return rooms.trainings.store.last(project_id)[0]


def kill_while_it_trains(worker, rooms, project_id):
    """Kill a worker and its job after the first epoch of a training."""
    until(lambda: (training_of(rooms, project_id).progress or {}).get("epoch"), 200)
    parent = psutil.Process(worker.pid)
    processes = [*parent.children(recursive=True), parent]
    for process in processes:
        process.kill()
    worker.wait()
    until(lambda: not names_of(processes), 30)


def predict(client, api, project_id):
    """The prediction of a task of the project, as Label Studio asks for it."""
    task = api.get("/api/tasks", params={"project": project_id, "fields": "all"}).json()["tasks"][-1]
    config = project_of(api, project_id)["label_config"]
    body = {"tasks": [task], "project": f"{project_id}.1", "label_config": config}
    return client.post("/predict", json=body).raise_for_status().json()["results"][0]


def test_a_training_moves_with_its_snapshot_waits_for_the_store_and_serves_where_it_began(api, first, object_store):
    second = elsewhere(first, first.home.parent / "second")
    with ExitStack() as stack:
        stack.enter_context(running(first, "schedule", CLI, "schedule"))
        until(partial(has_led, first), 60)
        stack.enter_context(running(first, "worker", CLI, "worker", "default"))
        rooms, client = stack.enter_context(closing(build(first))), stack.enter_context(web(first))
        project_id, annotator = make_project(api, "A training that moves", REVIEWS + 2, labels=("Bird",))
        run_loop(first, "connect", "--project", str(project_id))
        for _ in range(REVIEWS):
            assert annotator.review_next()
        until(lambda: rooms.trainings.reviews.store.new_since(project_id, None) >= REVIEWS, 120)

        worker, _ = start(first, "gpu", CLI, "worker", "gpu")
        run_loop(first, "retrain", "--project", str(project_id))
        kill_while_it_trains(worker, rooms, project_id)
        snapshot = training_of(rooms, project_id).snapshot
        log = stack.enter_context(running(second, "gpu", CLI, "worker", "gpu"))
        until(lambda: training_of(rooms, project_id).attempts > 1, 120)
        until((second.home / "snapshots" / str(project_id) / snapshot[:16] / "manifest.json").exists, 60)
        object_store.stop()
        try:
            until(lambda: f"job retrain-{project_id}: exception raised" in log.read_text(), 200)
            while_down = training_of(rooms, project_id)
            answer = predict(client, api, project_id)
        finally:
            object_store.start()
        trained = until(lambda: (t := training_of(rooms, project_id)).ended_at and t, 300)
        if rooms.registry.versions.champion(project_id).name != VERSION:
            run_loop(second, "models", "promote", VERSION, "--force", "--why", "a test", "--project", str(project_id))
        until(lambda: version_of(client, api, project_id) == VERSION, 30)

        assert (while_down.version, while_down.ended_at) == (None, None)
        assert answer["model_version"] != VERSION
        assert (trained.state, trained.version, trained.snapshot) == (TrainingState.ENDED, VERSION, snapshot)
        assert predict(client, api, project_id)["model_version"] == VERSION
        export = rooms.registry.exports.of(rooms.registry.versions.get(project_id, VERSION))
        assert export.file.is_file()  # on the first machine: it came from the store
