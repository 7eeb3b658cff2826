"""A `loop up` with a project for reviews in bulk, and a receiver of its notices."""

from contextlib import closing

import pytest

from loop.wiring import build
from tests.http_servers import receiver
from tests.reviews.bulk.integration.builders import TASKS, task_ids
from tests.services import loop_running, make_project, run_loop, settings_of, until


@pytest.fixture(scope="module")
def notice_server():
    with receiver() as server:
        yield server


@pytest.fixture(scope="module")
def own(label_studio, tmp_path_factory, notice_server):
    """A loop of its own that tells a receiver what happens."""
    home = tmp_path_factory.mktemp("bulk") / "home"
    settings = settings_of(
        label_studio, home, LOOP_NOTIFY_URLS=notice_server.url, LOOP_NOTIFY_SECRET="s3cret", LOOP_SCORE_THRESHOLD="0.05"
    )
    with loop_running(settings), closing(build(settings)) as rooms:
        yield settings, rooms


@pytest.fixture
def project(api, own):
    """A connected project whose tasks are predicted, with their ids."""
    settings, rooms = own
    project_id, annotator = make_project(api, "Bulk", TASKS, labels=("item",), seed=12)
    run_loop(settings, "connect", "--project", str(project_id))
    until(lambda: len(rooms.serving.predictions.newest(project_id, range(1, 10_000))) == TASKS, 90)
    return project_id, task_ids(api, project_id), annotator
