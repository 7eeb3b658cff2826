"""Many projects, whose jobs run on the workers of two machines."""

import re
from contextlib import ExitStack, closing
from itertools import chain

import pytest

from loop.installation.processes import EmbeddedRedis
from loop.job_queue.queue import DEFAULT
from loop.settings import Settings
from loop.wiring import build
from tests.builders import CONFIG, created, ls_region, ls_task
from tests.installation.integration.machines import CLI, elsewhere, running
from tests.services import until

pytestmark = pytest.mark.timeout(300)
PROJECTS, REVIEWS = 20, 3  # reviews in each project


@pytest.fixture
def first(database, tmp_path):
    """The settings of the machine that leads; a store has the files, and no Label Studio is needed."""
    server = EmbeddedRedis(tmp_path / "redis")
    server.start()
    yield Settings.read(
        {
            "LOOP_HOME": str(tmp_path / "first"),
            "LOOP_STORE": f"file://{tmp_path}/store",
            "LOOP_DATABASE_URL": database,
            "LOOP_REDIS_URL": server.address,
            "LOOP_EMBEDDER": "none",
            "LABEL_STUDIO_URL": "http://127.0.0.1:9",
            "LABEL_STUDIO_API_KEY": "k",
        }
    )
    server.stop()


def review_all(rooms, project_id):
    """Have an event for each review of a project; Label Studio's ids are the same in no two projects."""
    rooms.studio.projects.save(project_id, f"Project {project_id}", CONFIG)
    for number in range(1, REVIEWS + 1):
        task = 100 * project_id + number
        event = created(ls_region(), annotation=task, task=task, project=project_id)
        event["task"] = {**ls_task(task), "project": project_id}
        rooms.reviews.events.append(project_id, event["action"], event)


def projects_in(log):
    """The projects whose reviews a worker has recorded, by the lines of its jobs."""
    return [int(number) for number in re.findall(rf"review project (\d+): {REVIEWS} events", log.read_text())]


def test_every_event_of_many_projects_is_worked_on_once_by_workers_of_two_machines(first, tmp_path):
    second = elsewhere(first, tmp_path / "second")
    projects = range(1, PROJECTS + 1)
    with ExitStack() as stack:
        rooms = stack.enter_context(closing(build(first, migrate=True)))
        rooms.installation.machine.lead()
        for project_id in projects:
            review_all(rooms, project_id)
        workers = [running(settings, "worker", CLI, "worker", "default") for settings in (first, second)]
        logs = [stack.enter_context(worker) for worker in workers]
        until(lambda: rooms.queue.workers() == {DEFAULT: 2}, 60)

        for project_id in projects:
            rooms.queue.ask_review(project_id)
        until(lambda: sum(len(projects_in(log)) for log in logs) >= PROJECTS, 120)

        reviews = [rooms.reviews.store.new_since(project_id, None) for project_id in projects]
    done = [projects_in(log) for log in logs]
    assert sorted(chain(*done)) == [*projects]
    assert all(done)
    assert reviews == [REVIEWS] * PROJECTS
