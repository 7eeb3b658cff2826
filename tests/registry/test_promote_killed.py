"""What a kill in the middle of a promotion leaves."""

import os
import time
from functools import partial

import pytest

from loop.label_studio.prediction_import import NewPrediction
from loop.registry.promote import promote, roll_back
from loop.registry.store import WeightsRegistry
from loop.serving.refresh import refresh
from tests.fakes import FakeQueue
from tests.registry.builders import due, serve_second_version, served
from tests.registry.fakes import Deadly, killed_in
from tests.swap import swap

OLD, NEW = "yolo_detector@1.0.0", "yolo_detector@1.1.0"


@pytest.fixture
def rooms(rooms, weights):
    return serve_second_version(rooms, weights)


def add_and_die(path, own):
    versions = own.registry.versions
    WeightsRegistry(Deadly(own.engine, "begin"), versions.files, versions.model_name).add(1, path)


def roll_back_and_die(method, own):
    part = own.registry.versions if method == "roll_back" else own.studio.projects
    roll_back(swap(own, (part, Deadly(part, method))).registry, 1, "worse")


def refresh_and_die(method, own):
    parts = (own.studio.client, own.studio.projects)
    refresh(swap(own, *((part, Deadly(part, method)) for part in parts)).serving, 1)


def take_back(own):
    roll_back(own.registry, 1, "x")


def promote_and_die(own):
    promote(swap(own, (own.outbox, Deadly(own.outbox, "post"))).registry, 1, OLD, "a test")


def take_back_and_die(own):
    roll_back(swap(own, (own.outbox, Deadly(own.outbox, "post"))).registry, 1, "a test")


def test_killed_between_the_copy_of_the_weights_and_the_row_nothing_is_registered(rooms, settings, weights):
    killed_in(settings, partial(add_and_die, weights(b"third")))
    folder = settings.home / "weights" / "1"
    assert len(rooms.registry.versions.list(1)) == 2
    assert len(list(folder.iterdir())) == 3
    assert rooms.registry.tidy(1) == 0  # somebody may be about to write the row

    for file in folder.iterdir():
        os.utime(file, (time.time() - 7200, time.time() - 7200))
    assert rooms.registry.tidy(1) == 1
    for version in rooms.registry.versions.list(1):
        version.verify()


def test_killed_between_the_copy_and_the_row_the_next_try_registers_one_version(rooms, settings, weights):
    path = weights(b"third")
    killed_in(settings, partial(add_and_die, path))

    rooms.registry.versions.add(1, path)

    assert len(rooms.registry.versions.list(1)) == 3
    assert len(list((settings.home / "weights" / "1").iterdir())) == 3


@pytest.mark.parametrize("method", ["roll_back", "ask_refresh"])
def test_killed_before_the_alias_moved_nothing_has_changed(rooms, settings, method):
    fakes = {"studio.client": rooms.studio.client, "queue": FakeQueue()}
    killed_in(settings, partial(roll_back_and_die, method), fakes)

    if due(rooms):
        refresh(rooms.serving, 1)
    assert served(rooms) == (NEW, NEW)


@pytest.mark.parametrize("method", ["project", "update_project"])
def test_killed_between_alias_and_model_version_the_sweep_lets_it_follow(rooms, settings, method):
    studio = rooms.studio.client
    fakes = {"studio.client": Deadly(studio, method), "queue": FakeQueue()}
    killed_in(settings, take_back, fakes)
    assert served(rooms) == (OLD, NEW)

    assert due(rooms)
    refresh(rooms.serving, 1)

    assert served(rooms) == (OLD, OLD)
    assert not due(rooms)


@pytest.mark.parametrize("method", ["update_project", "record_refresh"])
def test_killed_between_storing_predictions_and_model_version_the_sweep_lets_it_follow(rooms, settings, method):
    promote(rooms.registry, 1, OLD, "a test")
    studio = rooms.studio.client
    parts = {
        "studio.client": studio,
        "registry.detectors": rooms.registry.detectors,
        "vision.images": rooms.vision.images,
    }
    killed_in(settings, partial(refresh_and_die, method), {**parts, "queue": FakeQueue()})
    logged = rooms.serving.predictions.newest(1, [1, 2, 3])
    assert {one.version for one in logged.values()} == {OLD}  # the child came so far
    studio.store_predictions(1, [NewPrediction(n, OLD, 0.5, []) for n in (1, 2, 3)])  # as it had in its own memory

    assert due(rooms)
    refresh(rooms.serving, 1)

    assert served(rooms) == (OLD, OLD)
    assert len(rooms.serving.predictions.of_task(1, 1)) == 2
    assert not due(rooms)


def test_killed_three_times_on_the_way_there_and_back_it_still_follows(rooms, settings):
    """The queue follows the other version, and all that was noted down says that the first one was followed."""
    fakes = {"registry.detectors": rooms.registry.detectors, "vision.images": rooms.vision.images, "queue": FakeQueue()}
    studio = rooms.studio.client

    for act in (promote_and_die, partial(refresh_and_die, "record_refresh"), take_back_and_die):
        killed_in(settings, act, {"studio.client": studio, **fakes})
    studio.fields["model_version"] = OLD  # as the second one had in its own memory
    assert served(rooms) == (NEW, OLD)

    assert due(rooms)
    refresh(rooms.serving, 1)

    assert served(rooms) == (NEW, NEW)
