"""Folders of trainings, snapshots and cached images go when no version, training or review needs them."""

import os
import time
from datetime import UTC, datetime

import pytest

from loop.datasets import folder as dataset_folder
from loop.datasets.assemble import assemble
from loop.installation.tidy import tidy
from loop.registry.store import VersionFacts
from loop.storage.tables import trainings
from loop.training.store import TrainingState
from tests.builders import LONG_AGO
from tests.fakes import FreeQueue
from tests.swap import swap
from tests.training.builders import review_tasks

NOW = datetime.now(UTC)


@pytest.fixture
def rooms(rooms):
    return swap(rooms, (rooms.queue, FreeQueue()))


def age(path, days=1000):
    moment = time.time() - days * 86_400
    os.utime(path, (moment, moment))


def end(rooms, training, moment=LONG_AGO):
    rooms.trainings.store.end(training.id, TrainingState.FAILED)
    with rooms.engine.begin() as connection:
        connection.execute(trainings.update().where(trainings.c.id == training.id).values(ended_at=moment))


def make_run(rooms, number):
    run = rooms.trainings.runs / f"training-{number}"
    (run / "weights").mkdir(parents=True)
    (run / "kept.pt").write_bytes(b"checkpoint")
    (run / "results.csv").write_text("epoch")
    return run


def test_folders_of_old_trainings_go_and_those_of_open_and_unknown_ones_stay(rooms):
    old, young, open_one = (make_run(rooms, number) for number in (1, 2, 3))
    unknown = make_run(rooms, 99)
    end(rooms, rooms.trainings.store.ask(1, "a person"))
    end(rooms, rooms.trainings.store.ask(1, "a person"), NOW)
    rooms.trainings.store.ask(1, "a person")

    assert "runs 1," in tidy(rooms.installation)

    assert not old.exists()
    assert [path.name for path in young.iterdir()] == ["results.csv"]  # a checkpoint that a kill left is removed
    assert all((run / "kept.pt").exists() for run in (open_one, unknown))


def write_snapshot(rooms, count):
    review_tasks(rooms, range(1, count + 1))
    return assemble(rooms.datasets, 1)


def test_snapshots_that_nothing_needs_go(rooms, tmp_path):
    of_version, of_open, of_nobody, newest = (write_snapshot(rooms, count) for count in (4, 5, 6, 7))
    (tmp_path / "w.pt").write_bytes(b"w")
    rooms.registry.versions.add(1, tmp_path / "w.pt", VersionFacts(snapshot=of_version.hash))
    rooms.trainings.store.note(rooms.trainings.store.ask(1, "a person").id, snapshot=of_open.hash)
    for number, snapshot in enumerate((of_version, of_open, of_nobody, newest)):
        age(snapshot.folder / "manifest.json", 1000 - number)

    assert "snapshots 1," in tidy(rooms.installation)

    assert not of_nobody.folder.exists()
    for snapshot in (of_version, of_open, newest):
        dataset_folder.verify(snapshot)


def test_no_snapshot_goes_while_a_training_runs_or_before_its_time(rooms):
    old, _ = (write_snapshot(rooms, count) for count in (4, 5))
    tidy(rooms.installation)
    age(old.folder / "manifest.json")
    rooms.queue.busy = ("retrain-1",)
    tidy(rooms.installation)

    dataset_folder.verify(old)


def test_a_snapshot_that_a_killed_run_was_removing_is_gone_for_good(rooms):
    old, _ = (write_snapshot(rooms, count) for count in (4, 5))
    left = old.folder.rename(old.folder.with_name(".writing-0123456789abcdef"))  # killed after the rename

    write_snapshot(rooms, 6)

    assert not left.exists()


def cached(rooms):
    return sorted(path.name for path in rooms.vision.cache._folder.glob("*/*"))


def make_images_old(rooms):
    for path in rooms.vision.cache._folder.glob("*/*"):
        age(path)


def test_images_go_that_no_review_needs(rooms):
    review_tasks(rooms, (1, 2))
    rooms.studio.projects.record_sync(1, NOW)
    before = cached(rooms)
    rooms.reviews.store.delete(1, "task", {2: NOW})
    make_images_old(rooms)

    assert "images 1" in tidy(rooms.installation)

    assert len(before) == 2
    (left,) = cached(rooms)
    rooms.vision.cache.find(1, 1, "/data/upload/1/1.jpg")  # nothing is fetched for it: FakeImages could not
    assert left in before


def test_an_image_stays_that_a_snapshot_holds_and_one_that_is_young(rooms):
    review_tasks(rooms, (1, 2, 3))
    rooms.studio.projects.record_sync(1, NOW)
    assemble(rooms.datasets, 1)
    before = cached(rooms)
    for task in (1, 2, 3):
        rooms.reviews.store.delete(1, "task", {task: NOW})
    tidy(rooms.installation)
    make_images_old(rooms)
    tidy(rooms.installation)

    assert cached(rooms) == before


@pytest.mark.parametrize("is_syncing", [True, False], ids=["while-it-syncs", "after-a-killed-rebuild"])
def test_no_image_goes_while_reviews_are_read_again(rooms, is_syncing):
    review_tasks(rooms, (1, 2))
    make_images_old(rooms)
    before = cached(rooms)
    rooms.reviews.store.forget(1)
    rooms.studio.projects.record_sync(1, NOW if is_syncing else None)
    rooms.queue.busy = ("sync-1",) if is_syncing else ()

    tidy(rooms.installation)

    assert cached(rooms) == before


def test_what_a_killed_writer_left_goes(rooms):
    review_tasks(rooms, (1,))
    rooms.studio.projects.record_sync(1, NOW)
    folder = rooms.vision.cache._folder / "abc"
    folder.mkdir(exist_ok=True)
    (folder / ".tmpx1y2").write_bytes(b"half")
    make_images_old(rooms)

    assert "images 1" in tidy(rooms.installation)

    assert len(cached(rooms)) == 1


def test_a_training_after_everything_is_as_it_would_have_been(rooms):
    first = write_snapshot(rooms, 8)
    rooms.studio.projects.record_sync(1, NOW)
    make_images_old(rooms)
    age(first.folder / "manifest.json")

    tidy(rooms.installation)

    assert assemble(rooms.datasets, 1).hash == first.hash
