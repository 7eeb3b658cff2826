"""A dataset that takes over what has not changed is, to the byte, the one made anew."""

import os
import random
import re
import shutil
from contextlib import suppress

import pytest
import sqlalchemy as sa

from loop.datasets import folder as dataset_folder
from loop.datasets import spool
from loop.datasets.assemble import assemble, assemble_verified
from loop.datasets.snapshot_store import SnapshotStore
from loop.datasets.splits import Side
from loop.datasets.survey import KNOWN
from loop.datasets.writer import Draft
from loop.errors import LeakedSplit
from loop.reviews.standing import TASK
from loop.storage.file_store import FileStore
from loop.storage.tables import splits
from tests.builders import NOON, region
from tests.datasets.builders import photo
from tests.swap import swap

TASKS = 30


@pytest.fixture
def project(rooms, reviewed):
    for task in range(1, TASKS + 1):
        reviewed(task)
    assemble(rooms.datasets, 1)
    return rooms.datasets.snapshots.folder(1)


@pytest.fixture
def taken_over(monkeypatch):
    """The tasks that drafts took over."""
    tasks = []
    take_over = Draft.take_over
    monkeypatch.setattr(Draft, "take_over", lambda *given: (tasks.append(given[2].task), take_over(*given)))
    return tasks


def assemble_anew(rooms):
    """The dataset of the same records in a folder without any other."""
    other = rooms.datasets.snapshots.folder(1).parents[1] / "anew"
    shutil.rmtree(other, ignore_errors=True)
    snapshots = SnapshotStore(other, FileStore(other))
    return assemble(swap(rooms, (rooms.datasets.snapshots, snapshots)).datasets, 1)


def files(snapshot):
    root = snapshot.folder
    return {str(path.relative_to(root)): path.read_bytes() for path in sorted(root.rglob("*")) if path.is_file()}


def split(rooms):
    with rooms.datasets.splits._engine.connect() as connection:
        return connection.execute(sa.select(splits).order_by(splits.c.task_id)).all()


def cached(rooms, task):
    """The file of a task's image in the cache."""
    snapshot = dataset_folder.find_newest(rooms.datasets.snapshots.folder(1))
    item = next(one for one in (snapshot.items() if snapshot else ()) if one.task == task)
    inode = (snapshot.folder / "images" / item.side / item.file).stat().st_ino
    return next(path for path in rooms.vision.cache._folder.glob("*/*") if path.stat().st_ino == inode)


class Changes:
    """Random changes to the records and files of a project."""

    def __init__(self, rooms, reviewed, folder, seed):
        self.rooms, self.reviewed, self.folder, self.rng = rooms, reviewed, folder, random.Random(seed)
        self.newest, self.minutes, self.name = TASKS, 0, "Car"

    def change(self):
        self.minutes += 1
        return self.rng.choice([name for name in dir(self) if name.startswith("do_")])

    def task(self):
        return self.rng.randrange(1, self.newest + 1)

    def do_add_tasks(self):
        for _ in range(3):
            self.newest += 1
            self.reviewed(self.newest, *self.boxes(), day=self.rng.choice(["", "monday"]))

    def do_label_again(self):
        self.reviewed(self.task(), *self.boxes(), minutes=self.minutes)

    def do_show_another_image(self):
        self.reviewed(self.task(), image=f"{self.task()}.jpg", minutes=self.minutes)

    def do_find_near_duplicate(self):
        self.newest += 1
        self.reviewed(self.newest, image=f"{self.task()}.jpg", minutes=self.minutes)

    def do_replace_image_at_its_address(self):
        task = self.task()
        with suppress(StopIteration):
            cached(self.rooms, task).unlink()
            (self.folder / f"{task}.jpg").write_bytes(photo(f"{task} {self.minutes}"))

    def do_damage_cached_image(self):
        with suppress(StopIteration):
            cached(self.rooms, self.task()).write_bytes(b"damaged")

    def do_delete_task(self):
        self.rooms.reviews.store.delete(1, TASK, {self.task(): NOON.replace(year=2030)})

    def do_rename_class(self):
        old, self.name = self.name, f"{self.name}."
        self.rooms.studio.classes.rename(1, old, self.name)

    def do_move_side(self):
        side = self.rng.choice(list(Side)).value
        with self.rooms.datasets.splits._engine.begin() as connection:
            connection.execute(splits.update().where(splits.c.task_id == self.task()).values(side=side))

    def do_leave_out(self):
        self.rooms.datasets.splits.leave_out(1, [self.task()])

    def do_remove_newest(self):
        shutil.rmtree(dataset_folder.find_last(self.root()) or self.root() / "none", ignore_errors=True)

    def do_damage_newest(self):
        folder = dataset_folder.find_last(self.root())
        for path in list(folder.glob("labels/*/*"))[:3] if folder else []:
            path.unlink()
            path.write_text("0 0.1 0.1 0.1 0.1\n")

    def do_damage_known(self):
        path = self.root() / KNOWN
        content = bytearray(path.read_bytes()) if path.exists() else bytearray(b"0")
        content[self.rng.randrange(len(content))] = 50
        path.write_bytes(content[: self.rng.randrange(len(content) + 1)] if self.rng.random() < 0.3 else content)

    def do_remove_known(self):
        (self.root() / KNOWN).unlink(missing_ok=True)

    def boxes(self):
        return [region(label=self.rng.choice(["Car", "Person"])) for _ in range(self.rng.randrange(3))] or [None]

    def root(self):
        return self.rooms.datasets.snapshots.folder(1)


def play(rooms, reviewed, folder, seed, rounds):
    changes = Changes(rooms, reviewed, folder, seed)
    for _ in range(rounds):
        for name in [changes.change() for _ in range(changes.rng.randrange(1, 4))]:
            getattr(changes, name)()
        try:
            snapshot = assemble(rooms.datasets, 1)
        except LeakedSplit as error:
            with pytest.raises(LeakedSplit, match=re.escape(str(error))):
                assemble_anew(rooms)
            rooms.datasets.splits.leave_out(1, [train for _, train in error.pairs])
            continue
        rows = split(rooms)
        anew = assemble_anew(rooms)
        assert files(snapshot) == files(anew)
        assert snapshot.hash == anew.hash
        assert rows == split(rooms)


def test_after_random_changes_it_is_to_the_byte_the_one_made_anew(rooms, project, reviewed, server, taken_over):
    play(rooms, reviewed, server[0], seed=1, rounds=12)

    assert taken_over


@pytest.mark.long
@pytest.mark.parametrize("seed", range(2, 22))
def test_after_many_random_changes_it_is_to_the_byte_the_one_made_anew(rooms, project, reviewed, server, seed):
    play(rooms, reviewed, server[0], seed=seed, rounds=12)


def test_only_what_is_new_is_looked_at(rooms, project, reviewed, taken_over, monkeypatch):
    reviewed(TASKS + 1)
    reviewed(1, region(label="Person"), minutes=5)
    looked_at, find = [], type(rooms.vision.cache).find
    monkeypatch.setattr(
        type(rooms.vision.cache), "find", lambda *given, **how: (looked_at.append(given[2]), find(*given, **how))[1]
    )

    assemble(rooms.datasets, 1)

    assert taken_over == list(range(2, TASKS + 1))
    assert looked_at == [TASKS + 1]


def test_a_renamed_class_costs_no_look_at_images(rooms, project, monkeypatch):
    rooms.studio.classes.rename(1, "Car", "Auto")
    monkeypatch.setattr(type(rooms.vision.cache), "find", None)

    assert assemble(rooms.datasets, 1).class_names[0] == "Auto"


def test_nothing_is_taken_over_from_a_version_that_noted_other_things(rooms, project, taken_over, monkeypatch):
    with monkeypatch.context() as patched:
        patched.setattr(spool, "FIELDS", b"task,image")
        assemble(rooms.datasets, 1)
    taken_over.clear()

    assemble(rooms.datasets, 1)

    assert taken_over == []


def test_images_and_labels_are_linked(rooms, project, reviewed):
    first = dataset_folder.find_newest(project)
    reviewed(TASKS + 1)

    second = assemble(rooms.datasets, 1)

    for kind in ("images", "labels"):
        inodes = [{path.name: path.stat().st_ino for path in one.folder.glob(f"{kind}/*/*")} for one in (first, second)]
        assert inodes[0].items() <= inodes[1].items()


def test_what_is_damaged_though_it_looks_as_before_is_made_anew(rooms, project, reviewed):
    path = cached(rooms, 1)
    content, times = path.read_bytes(), path.stat()
    path.write_bytes(b"\0" * len(content))
    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))
    reviewed(TASKS + 1)

    snapshot = assemble_verified(rooms.datasets, 1, lambda: None)

    assert cached(rooms, 1).read_bytes() == content
    assert files(snapshot) == files(assemble_anew(rooms))
