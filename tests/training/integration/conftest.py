"""A small snapshot to train on, and a small training that waits."""

import shutil
from contextlib import closing

import pytest

from loop.datasets.assemble import assemble
from loop.wiring import build
from tests.training.builders import reviewed_project, settings_in


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    settings = settings_in(tmp_path_factory.mktemp("home"))
    reviewed_project(settings)
    with closing(build(settings)) as rooms:
        return assemble(rooms.datasets, 1).folder


@pytest.fixture
def snapshot(made, tmp_path):
    """A snapshot of its own: eight images, one of them held out."""
    return shutil.copytree(made, tmp_path / "snapshot", ignore=shutil.ignore_patterns("*.cache"))


@pytest.fixture
def run(tmp_path):
    return tmp_path / "run"


@pytest.fixture
def small(tmp_path):
    """Settings and rooms of a project with eight reviews and a training of two epochs asked for."""
    settings = settings_in(tmp_path / "home", LOOP_EPOCHS="2")
    reviewed_project(settings)
    with closing(build(settings)) as rooms:
        rooms.trainings.store.ask(1, "by hand")
        yield settings, rooms
