"""YOLO datasets on disk."""

import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import yaml

from loop.datasets import folder as dataset_folder
from loop.datasets.snapshots import LabelledImage, Reason
from loop.datasets.splits import Side
from loop.datasets.writer import open_draft
from loop.errors import EmptySnapshot, ImageTooLarge, ImageUnreadable, PoisonedSnapshot
from loop.label_studio.classes import ClassIndex
from loop.regions import Box
from loop.vision.image_cache import ImageCache
from loop.vision.image_files import prepare_file
from loop.vision.images import ImageLimits, Images
from tests.builders import picture, region
from tests.datasets.builders import ADDRESS, ITEMS, LABELS, SIDES, item


@pytest.fixture
def find(tmp_path):
    """Finds the picture of every task but number 9."""
    (tmp_path / "source").mkdir()

    def prepare(item):
        if item.task_id == 9:
            raise ImageUnreadable(item.image, "HTTP 404")
        path = tmp_path / "source" / f"{item.task_id}.jpg"
        if not path.exists():
            path.write_bytes(picture(colour=(item.task_id, 0, 0)))
        return prepare_file(path, item.image, 1_000_000, path.parent / "prepared")

    return prepare


def write(root, find, items=None, sides=None, labels=LABELS, **how):
    with open_draft(root, shared_images=how.pop("shared_images", None)) as draft:
        draft.add(ITEMS if items is None else items, labels, find)
        return draft.finish(sides or SIDES, labels, **how)


def test_a_dataset_is_what_ultralytics_reads(tmp_path, find):
    snapshot = write(tmp_path / "out", find)

    assert sorted(path.name for path in (snapshot.folder / "images" / "train").iterdir()) == [
        "task-00000001.jpg",
        "task-00000002.jpg",
    ]
    assert (snapshot.folder / "labels" / "held_out" / "task-00000003.txt").read_text().startswith("0 ")
    assert yaml.safe_load(snapshot.data.read_text())["names"] == {0: "Car"}
    assert snapshot.report["images"] == {"train": 2, "held_out": 1}


def test_an_image_that_cannot_be_read_is_left_out_and_named(tmp_path, find):
    snapshot = write(tmp_path / "out", find)

    assert snapshot.report["left_out"] == {"the image cannot be read": [9]}
    assert snapshot.report["left_out_counts"] == {"the image cannot be read": 1}


def test_images_are_linked_not_copied(tmp_path, find):
    snapshot = write(tmp_path / "out", find)

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

    first = write(root, find, ITEMS[:3], shared_images=root / ".images")
    second = write(root, find, [*ITEMS[:3], item(4)], shared_images=root / ".images")

    copies = {one.folder / "images" / "train" / "task-00000001.jpg" for one in (first, second)}
    assert len(copies) == 2
    assert len({path.stat().st_ino for path in copies}) == 1


def test_a_jpeg_without_its_end_mark_gets_one_in_the_dataset_and_stays_as_it_is_at_its_source(tmp_path, find):
    cut = picture(colour=(1, 0, 0)) + b"a camera's own data"
    (tmp_path / "source" / "1.jpg").write_bytes(cut)

    snapshot = write(tmp_path / "out", find)

    assert (tmp_path / "source" / "1.jpg").read_bytes() == cut
    assert (snapshot.folder / "images" / "train" / "task-00000001.jpg").read_bytes() == cut + b"\xff\xd9"
    dataset_folder.verify(snapshot)


def test_an_image_is_named_by_its_format_for_ultralytics_goes_by_the_name(tmp_path, find):
    (tmp_path / "source" / "1.jpg").write_bytes(picture(form="PNG"))
    (tmp_path / "source" / "2.jpg").write_bytes(picture(form="GIF"))

    snapshot = write(tmp_path / "out", find)

    names = sorted(path.name for path in snapshot.folder.glob("images/*/*.png"))
    assert names == ["task-00000001.png", "task-00000002.png"]
    assert snapshot.report["left_out"][Reason.NO_IMAGE] == [9]


def test_the_same_content_is_the_same_dataset_in_any_order(tmp_path, find):
    first = write(tmp_path / "out", find)
    again = write(tmp_path / "out", find, reversed(ITEMS))

    assert (first.hash, first.folder) == (again.hash, again.folder)
    assert [path.name for path in (tmp_path / "out").iterdir()] == [first.folder.name]


def test_other_folders_and_threads_that_end_in_another_order_give_the_same_bytes(tmp_path, find):
    def late(one):
        time.sleep(random.random() / 50)
        return find(one)

    items = [item(n) for n in range(10, 90)]
    sides = {n: Side.HELD_OUT if n % 5 == 0 else Side.TRAIN for n in range(10, 90)}

    first = write(tmp_path / "a", find, items, sides)
    other = write(tmp_path / "b" / "deeper", late, random.sample(items, len(items)), sides)

    assert first.hash == other.hash
    for name in ("items.jsonl", "data.yaml", "manifest.json"):
        assert (first.folder / name).read_bytes() == (other.folder / name).read_bytes()


@pytest.mark.parametrize(
    "change",
    [
        pytest.param({"items": [item(1), item(2, region(at=Box(0, 0, 1, 1))), item(3)]}, id="a-box"),
        pytest.param({"sides": {**SIDES, 2: Side.HELD_OUT}}, id="a-side"),
        pytest.param({"labels": ClassIndex.of(["Car", "Bus"])}, id="a-class"),
        pytest.param({"items": [item(1), item(3)]}, id="an-image"),
    ],
)
def test_other_content_is_another_dataset(tmp_path, find, change):
    assert write(tmp_path / "out", find).hash != write(tmp_path / "out", find, **change).hash


def test_a_dataset_is_read_back_by_its_hash(tmp_path, find):
    written = write(tmp_path / "out", find)

    assert dataset_folder.read(tmp_path / "out", written.hash) == written
    assert dataset_folder.read(tmp_path / "out", "0" * 64) is None
    assert dataset_folder.read(tmp_path / "out", "") is None


def test_an_image_with_nothing_on_it_is_a_negative(tmp_path, find):
    nothing = LabelledImage(4, "/data/4.jpg", ())

    snapshot = write(tmp_path / "out", find, [*ITEMS, nothing])

    assert (snapshot.folder / "labels" / "train" / "task-00000004.txt").read_text() == ""


@pytest.mark.parametrize("items", [[], [item(1), item(2)], [item(3)], [item(9), item(1)]])
def test_a_side_without_images_is_refused_and_leaves_nothing_behind(tmp_path, find, items):
    with pytest.raises(EmptySnapshot):
        write(tmp_path / "out", find, items)

    assert list((tmp_path / "out").iterdir()) == []


def test_an_image_with_a_box_that_is_no_number_is_left_out_and_named(tmp_path, find):
    broken = item(4, region("a"), region("b", at=Box(float("nan"), 0.1, 0.4, 0.4)))

    snapshot = write(tmp_path / "out", find, [*ITEMS, broken])

    assert snapshot.report["left_out"][Reason.BROKEN_BOX] == [4]
    assert not list(snapshot.folder.glob("labels/*/task-00000004.txt"))


def test_of_two_tasks_of_one_id_the_second_is_left_out_and_named(tmp_path, find):
    snapshot = write(tmp_path / "out", find, [*ITEMS, item(1, region(at=Box(0, 0, 1, 1)))])

    assert snapshot.report["left_out"][Reason.SAME_ID] == [1]


def test_labels_that_nobody_decided_on_are_counted_by_name(tmp_path, find):
    labels = ClassIndex(("Car", "Bus"), {"Car": 0, "Bus": 1}, undecided=frozenset({"Bus"}))

    snapshot = write(tmp_path / "out", find, [*ITEMS, item(4, region(label="Bus"), region("b", "Tram"))], labels=labels)
    known = write(tmp_path / "out", find, [*ITEMS, item(4, region(label="Bus"))], labels=labels)

    assert snapshot.report["unknown_labels"] == {"Tram": 1}
    assert known.report["labels_that_left_the_config"] == {"Bus": 1}
    assert known.report["boxes"]["train"] == 3


def test_the_items_say_what_every_image_came_from(tmp_path, find):
    snapshot = write(tmp_path / "out", find, resting={2})

    items = list(snapshot.items())
    assert [(one.task, one.annotation, one.side, one.resting) for one in items] == [
        (1, 10, Side.TRAIN, False),
        (2, 20, Side.TRAIN, True),
        (3, 30, Side.HELD_OUT, False),
    ]
    assert items[0].image == find(item(1)).sha256
    assert snapshot.report["left_out"][Reason.RESTING] == [2]


def test_the_manifest_says_what_is_in_it_and_stays_small(tmp_path, find):
    left_out = dict.fromkeys(range(1000, 3000), Reason.BACKGROUND)
    many = [LabelledImage(task, "", ()) for task in left_out]
    same = find(item(1))
    sides = {**SIDES, **dict.fromkeys(left_out, Side.TRAIN)}

    snapshot = write(tmp_path / "out", lambda one: same, [*ITEMS[:3], *many], sides, left_out=left_out)

    manifest = json.loads((snapshot.folder / "manifest.json").read_text())
    assert manifest["hash"] == snapshot.hash
    assert manifest["report"]["boxes"] == {"train": 2, "held_out": 1}
    assert manifest["report"]["left_out_counts"] == {Reason.BACKGROUND: 2000}
    assert (snapshot.folder / "manifest.json").stat().st_size < 5000


def poisoned(snapshot):
    with pytest.raises(PoisonedSnapshot) as caught:
        dataset_folder.verify(snapshot)
    return caught.value


def overwrite(path, content):
    """Put another file in the place of a hard link, so that its source stays."""
    path.unlink()
    path.write_bytes(content)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        pytest.param("labels/train/task-00000002.txt", b"0 nan 0.5 0.1 0.1\n", id="nan"),
        pytest.param("labels/train/task-00000002.txt", b"0 0.5 0.5 0.2 0.2\n", id="another-box"),
        pytest.param("labels/train/task-00000002.txt", b"\xff\xfe", id="no-text"),
        pytest.param("images/train/task-00000002.jpg", b"no image", id="unreadable"),
        pytest.param("images/train/task-00000002.jpg", picture(colour="blue"), id="another-image"),
        pytest.param("images/train/task-00000002.jpg", None, id="no-image"),
        pytest.param("labels/train/task-00000002.txt", None, id="no-labels"),
    ],
)
def test_a_poisoned_dataset_is_refused_by_its_tasks(tmp_path, find, name, content):
    snapshot = write(tmp_path / "out", find)
    dataset_folder.verify(snapshot)

    if content is None:
        (snapshot.folder / name).unlink()
    else:
        overwrite(snapshot.folder / name, content)

    assert poisoned(snapshot).task_ids == [2]


@pytest.mark.parametrize("name", ["items.jsonl", "data.yaml", "manifest.json"])
def test_a_dataset_whose_lists_were_changed_is_refused(tmp_path, find, name):
    snapshot = write(tmp_path / "out", find)

    with (snapshot.folder / name).open("a") as file:
        file.write("\n# more")

    assert name in str(poisoned(snapshot))


def test_what_does_not_belong_to_a_dataset_is_found_and_ultralytics_cache_is_not_minded(tmp_path, find):
    snapshot = write(tmp_path / "out", find)
    (snapshot.folder / "labels" / "train.cache").write_bytes(b"ultralytics")
    dataset_folder.verify(snapshot)

    (snapshot.folder / "images" / "train" / "more.jpg").write_bytes(picture())

    assert "1 files in images" in str(poisoned(snapshot))


def test_a_damaged_dataset_is_written_anew(tmp_path, find):
    first = write(tmp_path / "out", find)
    overwrite(first.folder / "labels" / "train" / "task-00000002.txt", b"0 nan nan nan nan\n")

    again = write(tmp_path / "out", find)

    assert again.folder == first.folder
    dataset_folder.verify(again)
    assert [path.name for path in (tmp_path / "out").iterdir()] == [first.folder.name]


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
    snapshot = write(tmp_path / "out", find)
    assert [path.name for path in (tmp_path / "out").iterdir()] == [snapshot.folder.name]


def test_a_writer_that_was_killed_while_it_cleared_up_leaves_nothing_either(tmp_path, find):
    (tmp_path / "out" / ".writing-0" / "images").mkdir(parents=True)

    snapshot = write(tmp_path / "out", find)

    assert [path.name for path in (tmp_path / "out").iterdir()] == [snapshot.folder.name]


class OneImage(Images):
    """Serves the same content for every address, and counts how often."""

    def __init__(self, content):
        super().__init__(None, ImageLimits())
        self.content, self.count = content, 0

    def fetch(self, address, task_id):
        self.count += 1
        return self.content


def test_an_image_is_fetched_once_and_kept_as_it_is(tmp_path):
    images = OneImage(picture())
    cache = ImageCache(tmp_path, images)

    paths = {cache.find(1, 1, ADDRESS).path for _ in range(3)}

    assert images.count == 1
    assert [path.read_bytes() for path in paths] == [picture()]
    images.close()


def test_an_image_that_was_damaged_in_the_cache_is_fetched_again(tmp_path):
    images = OneImage(picture())
    cache = ImageCache(tmp_path, images)
    cache.find(1, 1, ADDRESS).path.write_bytes(picture()[:200])

    image = cache.find(1, 1, ADDRESS)

    assert (image.path.read_bytes(), images.count) == (picture(), 2)
    images.close()


def test_a_format_that_ultralytics_does_not_read_becomes_png(tmp_path):
    images = OneImage(picture(form="GIF"))

    assert ImageCache(tmp_path, images).find(1, 1, ADDRESS).path.read_bytes().startswith(b"\x89PNG")
    images.close()


@pytest.mark.parametrize(
    ("content", "error"),
    [
        pytest.param(b"text", ImageUnreadable, id="text"),
        pytest.param(picture(size=(2000, 2000), form="PNG"), ImageTooLarge, id="bomb"),
    ],
)
def test_what_is_no_image_or_too_large_is_not_kept(tmp_path, content, error):
    images = OneImage(content)

    with pytest.raises(error):
        ImageCache(tmp_path, images, most_pixels=1_000_000).find(1, 1, ADDRESS)

    assert not [name for _, _, names in os.walk(tmp_path) for name in names]
    images.close()
