"""Two machines on one PostgreSQL and one Redis: they agree on trainings, webhooks and the version that serves."""

from contextlib import ExitStack, closing
from functools import partial

import pytest

from loop.datasets import folder as dataset_folder
from loop.installation.processes import EmbeddedRedis
from loop.wiring import build
from tests.installation.integration.machines import CLI, elsewhere, has_led, running, version_of, web
from tests.services import make_project, run_loop, settings_of, until

pytestmark = pytest.mark.timeout(600)
REVIEWS = 8


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
    settings = settings_of(
        label_studio,
        home,
        LOOP_STORE=store,
        LOOP_DATABASE_URL=url,
        LOOP_REDIS_URL=shared_redis,
        LOOP_EPOCHS="1",
        LOOP_RETRAIN_AFTER=str(REVIEWS),
    )
    build(settings, migrate=True).close()
    yield settings
    postgres.drop_database(url)


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
    until(lambda: f"retrain project {project_id}" in training_log.read_text(), 30)  # written when the job has ended
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
