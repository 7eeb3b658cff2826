"""How the files of a dataset are written."""

import os
import random
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from loop.datasets import folder as dataset_folder
from loop.datasets.snapshots import LabelledImage, Reason
from loop.datasets.splits import Side
from loop.datasets.writer import open_draft
from loop.errors import EmptySnapshot
from loop.regions import Box
from tests.builders import picture, region
from tests.datasets.builders import ITEMS, LABELS, SIDES, item, write_dataset


def test_an_image_that_cannot_be_read_is_left_out_and_named(tmp_path, find):
    snapshot = write_dataset(tmp_path / "out", find)

    assert snapshot.report["left_out"] == {"the image cannot be read": [9]}
    assert snapshot.report["left_out_counts"] == {"the image cannot be read": 1}


def test_images_are_linked_not_copied(tmp_path, find):
    snapshot = write_dataset(tmp_path / "out", find)

    inside = snapshot.folder / "images" / "train" / "task-00000001.jpg"
    assert inside.stat().st_ino == (tmp_path / "source" / "1.jpg").stat().st_ino


@pytest.fixture
def other_disk(tmp_path):
    """A folder on another file system than the temporary one."""
    folder = Path("/dev/shm") / f"loop-test-{os.getpid()}"  # noqa: S108 (memory, so another file system)
    if not folder.parent.is_dir() or folder.parent.stat().st_dev == tmp_path.stat().st_dev:
        pytest.skip("there is one file system only")
    folder.mkdir()
    yield folder
    subprocess.run(["rm", "-r", str(folder)], check=True)


def test_images_on_another_disk_are_copied_once_for_all_datasets_of_a_project(tmp_path, find, other_disk):
    root = other_disk / "out"

    first = write_dataset(root, find, ITEMS[:3], shared_images=root / ".images")
    second = write_dataset(root, find, [*ITEMS[:3], item(4)], shared_images=root / ".images")

    copies = {one.folder / "images" / "train" / "task-00000001.jpg" for one in (first, second)}
    assert len(copies) == 2
    assert len({path.stat().st_ino for path in copies}) == 1


def test_a_jpeg_without_its_end_mark_gets_one_in_the_dataset_and_stays_as_it_is_at_its_source(tmp_path, find):
    cut = picture(colour=(1, 0, 0)) + b"a camera's own data"
    (tmp_path / "source" / "1.jpg").write_bytes(cut)

    snapshot = write_dataset(tmp_path / "out", find)

    assert (tmp_path / "source" / "1.jpg").read_bytes() == cut
    assert (snapshot.folder / "images" / "train" / "task-00000001.jpg").read_bytes() == cut + b"\xff\xd9"
    dataset_folder.verify(snapshot)


def test_an_image_is_named_by_its_format_for_ultralytics_goes_by_the_name(tmp_path, find):
    (tmp_path / "source" / "1.jpg").write_bytes(picture(form="PNG"))
    (tmp_path / "source" / "2.jpg").write_bytes(picture(form="GIF"))

    snapshot = write_dataset(tmp_path / "out", find)

    names = sorted(path.name for path in snapshot.folder.glob("images/*/*.png"))
    assert names == ["task-00000001.png", "task-00000002.png"]
    assert snapshot.report["left_out"][Reason.NO_IMAGE] == [9]


def test_the_same_content_is_the_same_dataset_in_any_order(tmp_path, find):
    first = write_dataset(tmp_path / "out", find)
    again = write_dataset(tmp_path / "out", find, reversed(ITEMS))

    assert (first.hash, first.folder) == (again.hash, again.folder)
    assert [path.name for path in (tmp_path / "out").iterdir()] == [first.folder.name]


@pytest.fixture
def hurried_threads():
    """Threads take turns after every few instructions."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(before)


@pytest.mark.usefixtures("hurried_threads")
def test_writers_that_end_at_once_all_have_the_same_dataset(tmp_path, find):
    first, together = write_dataset(tmp_path / "first", find), threading.Barrier(8)

    def write(root):
        with open_draft(root) as draft:
            draft.add(ITEMS, LABELS, find)
            together.wait(30)
            return draft.finish(SIDES, LABELS)

    for number in range(40):
        root = tmp_path / f"out-{number}"
        with ThreadPoolExecutor(8) as pool:
            datasets = list(pool.map(write, [root] * 8))

        assert {(dataset.hash, dataset.folder) for dataset in datasets} == {(first.hash, root / first.folder.name)}
        assert [path.name for path in root.iterdir()] == [datasets[0].folder.name]
        dataset_folder.verify(datasets[0])


def test_other_folders_and_threads_that_end_in_another_order_give_the_same_bytes(tmp_path, find):
    def late(item):
        time.sleep(random.random() / 50)
        return find(item)

    items = [item(n) for n in range(10, 90)]
    sides = {n: Side.HELD_OUT if n % 5 == 0 else Side.TRAIN for n in range(10, 90)}

    first = write_dataset(tmp_path / "a", find, items, sides)
    other = write_dataset(tmp_path / "b" / "deeper", late, random.sample(items, len(items)), sides)

    assert first.hash == other.hash
    for name in ("items.jsonl", "data.yaml", "manifest.json"):
        assert (first.folder / name).read_bytes() == (other.folder / name).read_bytes()


def test_an_image_with_nothing_on_it_is_a_negative(tmp_path, find):
    nothing = LabelledImage(4, "/data/4.jpg", ())

    snapshot = write_dataset(tmp_path / "out", find, [*ITEMS, nothing])

    assert (snapshot.folder / "labels" / "train" / "task-00000004.txt").read_text() == ""


@pytest.mark.parametrize("items", [[], [item(1), item(2)], [item(3)], [item(9), item(1)]])
def test_a_side_without_images_is_refused_and_leaves_nothing_behind(tmp_path, find, items):
    with pytest.raises(EmptySnapshot):
        write_dataset(tmp_path / "out", find, items)

    assert list((tmp_path / "out").iterdir()) == []


def test_an_image_with_a_box_that_is_no_number_is_left_out_and_named(tmp_path, find):
    broken = item(4, region("a"), region("b", at=Box(float("nan"), 0.1, 0.4, 0.4)))

    snapshot = write_dataset(tmp_path / "out", find, [*ITEMS, broken])

    assert snapshot.report["left_out"][Reason.BROKEN_BOX] == [4]
    assert not list(snapshot.folder.glob("labels/*/task-00000004.txt"))


def test_of_two_tasks_of_one_id_the_second_is_left_out_and_named(tmp_path, find):
    snapshot = write_dataset(tmp_path / "out", find, [*ITEMS, item(1, region(at=Box(0, 0, 1, 1)))])

    assert snapshot.report["left_out"][Reason.SAME_ID] == [1]


KILLED = """
import sys, time
from pathlib import Path
sys.path.insert(0, sys.argv[2])
from tests.datasets.builders import ITEMS, LABELS, SIDES
from loop.datasets.writer import open_draft
from loop.vision.image_files import prepare_file

def find(item):
    return prepare_file(Path(sys.argv[1]) / "source" / f"{item.task_id}.jpg", "", 10**6, Path(sys.argv[1]))

class Slow(dict):
    def __getitem__(self, task):
        print("writing", flush=True)
        time.sleep(60 if task == 3 else 0)
        return super().__getitem__(task)

with open_draft(Path(sys.argv[1]) / "out") as draft:
    draft.add(ITEMS[:3], LABELS, find)
    draft.finish(Slow(SIDES), LABELS)
"""


def test_a_writer_that_is_killed_leaves_no_dataset_and_the_next_one_clears_up(tmp_path, find):
    [find(one) for one in ITEMS[:3]]
    root = str(Path(__file__).parents[2])
    running = subprocess.Popen([sys.executable, "-c", KILLED, str(tmp_path), root], stdout=subprocess.PIPE)
    for _ in range(3):
        assert running.stdout.readline() == b"writing\n"
    with open_draft(tmp_path / "out"):  # while the other one lives, its folder is left alone
        assert len(list((tmp_path / "out").glob(".writing-*/items.jsonl"))) == 1

    running.send_signal(signal.SIGKILL)
    running.communicate()

    assert not list((tmp_path / "out").glob("*/manifest.json"))
    assert list((tmp_path / "out").glob(".writing-*/items.jsonl"))
    snapshot = write_dataset(tmp_path / "out", find)
    assert [path.name for path in (tmp_path / "out").iterdir()] == [snapshot.folder.name]


def test_a_writer_that_was_killed_while_it_cleared_up_leaves_nothing_either(tmp_path, find):
    (tmp_path / "out" / ".writing-0" / "images").mkdir(parents=True)

    snapshot = write_dataset(tmp_path / "out", find)

    assert [path.name for path in (tmp_path / "out").iterdir()] == [snapshot.folder.name]
