"""Real records, and images from an HTTP server on this machine."""

import threading
from contextlib import closing
from functools import partial
from http.server import ThreadingHTTPServer

import pytest

from loop.rooms import swap
from loop.settings import Settings
from loop.wiring import build
from tests.builders import CONFIG
from tests.fakes import FakeQueue, QuietFiles


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    folder = tmp_path_factory.mktemp("served")
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(QuietFiles, directory=folder)) as running:
        thread = threading.Thread(target=running.serve_forever, daemon=True)
        thread.start()
        yield folder, f"http://127.0.0.1:{running.server_address[1]}"
        running.shutdown()
        thread.join()


@pytest.fixture
def settings(tmp_path):
    return Settings.read(
        {
            "LOOP_HOME": str(tmp_path / "home"),
            "LABEL_STUDIO_API_KEY": "k",
            "LOOP_ALLOW_PRIVATE_ADDRESSES": "true",
            "LOOP_GROUP_FIELD": "day",
        }
    )


@pytest.fixture
def rooms(settings):
    with closing(build(settings, migrate=True)) as built:
        for project in (1, 2):
            built.studio.projects.save(project, "Cars", CONFIG)
        yield swap(built, (built.queue, FakeQueue()))
