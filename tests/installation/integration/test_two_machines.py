"""Two machines on one PostgreSQL and one Redis: they agree on trainings, webhooks and the version that serves."""

import os
import subprocess
import sys
from contextlib import ExitStack, closing, contextmanager, suppress
from functools import partial

import httpx
import pytest

from loop.datasets import folder as dataset_folder
from loop.errors import UpstreamError
from loop.installation.machine import SOFTWARE
from loop.installation.processes import EmbeddedRedis
from loop.settings import Settings
from loop.wiring import build
from scripts.demo.label_studio import free_port
from tests.services import make_project, project_of, run_loop, settings_of, until

pytestmark = pytest.mark.timeout(600)
REVIEWS = 8
CLI = "loop.cli.main"
WEB = ("gunicorn", "--config", "python:backend.gunicorn_options", "backend.app:create_app()")


@contextmanager
def running(settings, name, *command):
    """A part of a machine as a process of its own, with its log."""
    log = settings.home.parent / f"{settings.home.name}-{name}.log"
    with log.open("wb") as output:
        environment = {**os.environ, **settings.environment(), "PYTHONUNBUFFERED": "1"}
        process = subprocess.Popen([sys.executable, "-m", *command], env=environment, stdout=output, stderr=output)
    try:
        yield log
        assert process.poll() is None, log.read_text()
    finally:
        process.terminate()
        process.wait(60)


@contextmanager
def web(settings):
    """A web part that answers."""
    with running(settings, "web", *WEB, "--bind", f"127.0.0.1:{settings.port}") as log:
        auth = (settings.basic_auth_user, settings.basic_auth_pass)
        with httpx.Client(base_url=settings.local_url, auth=auth, timeout=60) as client:
            until(partial(answers, client), 120)
            yield client
        assert "Traceback" not in log.read_text()


def answers(client):
    try:
        return client.get("/health").is_success
    except httpx.TransportError:
        return False


@pytest.fixture(scope="module")
def shared_redis(tmp_path_factory):
    server = EmbeddedRedis(tmp_path_factory.mktemp("shared") / "redis")
    server.start()
    yield server.address
    server.stop()


@pytest.fixture(scope="module", params=["folder", "store"])
def store(request):
    """The address of a store, or nothing where the machines share a folder."""
    if request.param == "folder":
        yield ""
        return
    server = request.getfixturevalue("object_stores")
    with pytest.MonkeyPatch.context() as environment:
        for name, value in server.variables.items():
            environment.setenv(name, value)
        yield server.make_bucket("machines")


@pytest.fixture(scope="module")
def first(label_studio, postgres, shared_redis, store, tmp_path_factory):
    """The settings of the machine with the schedule."""
    home = tmp_path_factory.mktemp("machines") / "first"
    url = postgres.make_database()
    yield settings_of(
        label_studio,
        home,
        LOOP_STORE=store,
        LOOP_DATABASE_URL=url,
        LOOP_REDIS_URL=shared_redis,
        LOOP_EPOCHS="1",
        LOOP_RETRAIN_AFTER=str(REVIEWS),
    )
    postgres.drop_database(url)


def elsewhere(settings, home, **more):
    """The settings of another machine of the same installation: its own folder and port, the same address for all."""
    own = {"LOOP_HOME": str(home), "LOOP_PORT": str(free_port()), "LOOP_URL": settings.backend_url, **more}
    return Settings.read({**settings.environment(), **own})


@pytest.fixture(scope="module")
def machines(first):
    """The first machine with schedule, worker and web; the second, which has its files, with worker and web."""
    first.home.mkdir(exist_ok=True)
    second = elsewhere(first, first.home.parent / "second")
    if not first.store:
        second.home.symlink_to(first.home)  # as if it were mounted
    with ExitStack() as stack:
        stack.enter_context(running(first, "schedule", CLI, "schedule"))
        until(partial(has_led, first), 60)
        stack.enter_context(running(first, "worker", CLI, "worker", "default"))
        training_log = stack.enter_context(running(second, "worker", CLI, "worker", "gpu"))
        yield first, second, stack.enter_context(web(first)), stack.enter_context(web(second)), training_log


def has_led(settings):
    """Whether the schedule has recorded what the other machines need to have."""
    with closing(build(settings)) as rooms, suppress(UpstreamError):
        return rooms.installation.machine.facts.get(SOFTWARE)


def version_of(client, api, project_id):
    body = {"project": f"{project_id}.1", "schema": project_of(api, project_id)["label_config"]}
    return client.post("/setup", json=body).raise_for_status().json()["model_version"]


def test_a_worker_that_lacks_the_files_refuses_to_start_and_says_where_they_are(first, tmp_path):
    with closing(build(first, migrate=True)) as rooms:
        rooms.installation.machine.lead()

    without = elsewhere(first, tmp_path / "own", LOOP_STORE="")
    message = run_loop(without, "worker", "gpu", ok=False)

    assert "does not have the files of the installation (weights, datasets, reports); they are in " in message
    way = f"{first.store}: set LOOP_STORE" if first.store else f":{first.home}: share that folder with this machine"
    assert way in message


@pytest.mark.long
def test_both_agree_on_webhooks_trainings_and_promotions(api, machines):
    first, second, *webs, training_log = machines
    project_id, annotator = make_project(api, f"Two machines {first.store}", REVIEWS + 2)
    run_loop(first, "connect", "--project", str(project_id))
    hooks = api.get("/api/webhooks/", params={"project": project_id}).json()

    synced = run_loop(second, "sync", "--project", str(project_id))
    for _ in range(REVIEWS):
        assert annotator.review_next()

    assert "webhook" not in synced
    assert api.get("/api/webhooks/", params={"project": project_id}).json() == hooks
    with closing(build(second)) as rooms:
        training = until(lambda: next((t for t in rooms.trainings.store.last(project_id) if t.ended_at), None), 200)
        assert rooms.reviews.events.last(1)
        assert rooms.reviews.refusals.of(project_id) is None
    assert training.version == "yolo_detector@1.0.0", training
    assert f"retrain project {project_id}" in training_log.read_text()
    for machine, command in (
        (first, ("promote", "1.0.0", "--force", "--why", "a test")),
        (second, ("rollback",)),
        (first, ("promote", "1.0.0", "--force", "--why", "again")),
    ):
        run_loop(machine, "models", *command, "--project", str(project_id))
        expected = "yolo_detector@0.0.0" if command[0] == "rollback" else "yolo_detector@1.0.0"
        until(lambda: {version_of(client, api, project_id) for client in webs} == {expected}, 10)  # noqa: B023
    with closing(build(first)) as rooms:  # the snapshot was made on the second machine
        dataset_folder.verify(rooms.datasets.snapshots.read(project_id, training.snapshot))
        assert rooms.gate.reports.read_outcome(project_id, "yolo_detector@1.0.0")
    assert first.home.samefile(second.home) is not bool(first.store)
