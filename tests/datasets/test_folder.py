"""YOLO datasets on disk."""

import json
import os

import pytest
import yaml

from loop.datasets import folder as dataset_folder
from loop.datasets.snapshots import LabelledImage, Reason
from loop.datasets.splits import Side
from loop.errors import PoisonedSnapshot
from loop.label_studio.classes import ClassIndex
from loop.regions import Box
from loop.storage.files import PREFIX
from tests.builders import picture, region
from tests.datasets.builders import ITEMS, SIDES, item, write_dataset


def test_a_dataset_is_what_ultralytics_reads(tmp_path, find):
    snapshot = write_dataset(tmp_path / "out", find)

    assert sorted(path.name for path in (snapshot.folder / "images" / "train").iterdir()) == [
        "task-00000001.jpg",
        "task-00000002.jpg",
    ]
    assert (snapshot.folder / "labels" / "held_out" / "task-00000003.txt").read_text().startswith("0 ")
    assert yaml.safe_load(snapshot.data.read_text())["names"] == {0: "Car"}
    assert snapshot.report["images"] == {"train": 2, "held_out": 1}


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
    assert write_dataset(tmp_path / "out", find).hash != write_dataset(tmp_path / "out", find, **change).hash


def test_a_dataset_is_read_back_by_its_hash(tmp_path, find):
    written = write_dataset(tmp_path / "out", find)

    assert dataset_folder.read(tmp_path / "out", written.hash) == written
    assert dataset_folder.read(tmp_path / "out", "0" * 64) is None
    assert dataset_folder.read(tmp_path / "out", "") is None


def test_the_newest_dataset_is_the_one_written_last(tmp_path, find):
    root = tmp_path / "out"
    first = write_dataset(root, find)
    second = write_dataset(root, find, [item(1), item(3)])
    assert dataset_folder.find_newest(root) == second

    again = write_dataset(root, find)

    assert again == first
    assert dataset_folder.find_newest(root) == first
    assert dataset_folder.find_newest(root, second.hash[:8]) == second
    assert dataset_folder.find_newest(root, second.hash) == second


def test_the_dataset_written_last_is_the_newest_also_where_the_clock_went_back(tmp_path, find):
    root = tmp_path / "out"
    first = write_dataset(root, find)
    os.utime(first.folder / "manifest.json", (2e9, 2e9))

    second = write_dataset(root, find, [item(1), item(3)])

    assert dataset_folder.find_newest(root) == second
    assert write_dataset(root, find) == dataset_folder.find_newest(root) == first


@pytest.mark.parametrize("prefix", ["beef", "0" * 64, "/", "*", "..", "["])
def test_no_dataset_begins_with_another_prefix(tmp_path, find, prefix):
    write_dataset(tmp_path / "out", find)

    assert dataset_folder.find_newest(tmp_path / "out", prefix) is None
    assert dataset_folder.find_newest(tmp_path / "nothing", prefix) is None


def test_the_newest_dataset_is_found_beside_the_draft_of_a_killed_writer(tmp_path, find):
    written = write_dataset(tmp_path / "out", find)
    draft = tmp_path / "out" / f"{PREFIX}killed"
    draft.mkdir()
    (draft / "manifest.json").write_text(json.dumps({"hash": "f" * 64, "classes": [], "report": {}}))

    assert dataset_folder.find_newest(tmp_path / "out") == written


def test_labels_that_nobody_decided_on_are_counted_by_name(tmp_path, find):
    labels = ClassIndex(("Car", "Bus"), {"Car": 0, "Bus": 1}, undecided=frozenset({"Bus"}))

    snapshot = write_dataset(
        tmp_path / "out", find, [*ITEMS, item(4, region(label="Bus"), region("b", "Tram"))], labels=labels
    )
    known = write_dataset(tmp_path / "out", find, [*ITEMS, item(4, region(label="Bus"))], labels=labels)

    assert snapshot.report["unknown_labels"] == {"Tram": 1}
    assert known.report["labels_that_left_the_config"] == {"Bus": 1}
    assert known.report["boxes"]["train"] == 3


def test_the_items_say_what_every_image_came_from(tmp_path, find):
    snapshot = write_dataset(tmp_path / "out", find, resting={2})

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

    snapshot = write_dataset(tmp_path / "out", lambda item_: same, [*ITEMS[:3], *many], sides, left_out=left_out)

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
    snapshot = write_dataset(tmp_path / "out", find)
    dataset_folder.verify(snapshot)

    if content is None:
        (snapshot.folder / name).unlink()
    else:
        overwrite(snapshot.folder / name, content)

    assert poisoned(snapshot).task_ids == [2]


@pytest.mark.parametrize("name", ["items.jsonl", "data.yaml", "manifest.json"])
def test_a_dataset_whose_lists_were_changed_is_refused(tmp_path, find, name):
    snapshot = write_dataset(tmp_path / "out", find)

    with (snapshot.folder / name).open("a") as file:
        file.write("\n# more")

    assert name in str(poisoned(snapshot))


def test_what_does_not_belong_to_a_dataset_is_found_and_ultralytics_cache_is_not_minded(tmp_path, find):
    snapshot = write_dataset(tmp_path / "out", find)
    (snapshot.folder / "labels" / "train.cache").write_bytes(b"ultralytics")
    dataset_folder.verify(snapshot)

    (snapshot.folder / "images" / "train" / "more.jpg").write_bytes(picture())

    assert "1 files in images" in str(poisoned(snapshot))


def test_a_damaged_dataset_is_written_anew(tmp_path, find):
    first = write_dataset(tmp_path / "out", find)
    overwrite(first.folder / "labels" / "train" / "task-00000002.txt", b"0 nan nan nan nan\n")

    again = write_dataset(tmp_path / "out", find)

    assert again.folder == first.folder
    dataset_folder.verify(again)
    assert [path.name for path in (tmp_path / "out").iterdir()] == [first.folder.name]
