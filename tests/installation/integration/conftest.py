"""An installation with a Label Studio that answers nothing."""

import socket
from contextlib import closing

import pytest

from loop.wiring import build
from scripts.demo.label_studio import free_port
from tests.training.builders import reviewed_project, settings_in


@pytest.fixture
def silent_studio():
    """A Label Studio that takes requests and never answers: a refresh waits for it."""
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen(64)
        yield f"http://127.0.0.1:{server.getsockname()[1]}"


@pytest.fixture
def settings(tmp_path, silent_studio, monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    return settings_in(
        tmp_path / "home",
        LOOP_REDIS_URL="",
        LOOP_PORT=str(free_port()),
        LOOP_EPOCHS="40",
        LOOP_DEFAULT_WORKERS="3",  # a refresh and a sync wait for Label Studio
        LABEL_STUDIO_URL=silent_studio,
        LABEL_STUDIO_API_KEY="k",
    )


@pytest.fixture
def rooms(settings):
    """A project with a training and a refresh asked for."""
    reviewed_project(settings)
    with closing(build(settings)) as built:
        built.trainings.store.ask(1, "by hand")
        built.studio.projects.ask_refresh(1)
        yield built
