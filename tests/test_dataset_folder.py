"""YOLO datasets on disk."""

import json
import os

import pytest
import yaml

from loop import dataset_folder
from loop.dataset_folder import ImageCache
from loop.errors import EmptySnapshot, ImageUnreadable
from loop.images import ImageLimits, Images
from loop.snapshots import LabelledImage
from loop.splits import Side
from tests.builders import picture, region


@pytest.fixture
def find(tmp_path):
    """Finds the picture of every task but number 9."""
    (tmp_path / "source").mkdir()

    def found(item):
        if item.task_id == 9:
            raise ImageUnreadable(item.image, "HTTP 404")
        path = tmp_path / "source" / f"{item.task_id}.jpg"
        if not path.exists():
            path.write_bytes(picture(colour=(item.task_id, 0, 0)))
        return path

    return found


def item(task, side=Side.TRAIN, *regions):
    return LabelledImage(task, f"/data/{task}.jpg", regions or (region(),), side)


ITEMS = [item(1), item(2), item(3, Side.HELD_OUT), item(9)]


def test_a_dataset_is_what_ultralytics_reads(tmp_path, find):
    snapshot = dataset_folder.write(tmp_path / "out", ITEMS, ["Car"], find)

    assert sorted(path.name for path in (snapshot.folder / "images" / "train").iterdir()) == [
        "task-00000001.jpg",
        "task-00000002.jpg",
    ]
    assert (snapshot.folder / "labels" / "held_out" / "task-00000003.txt").read_text().startswith("0 ")
    assert yaml.safe_load(snapshot.data.read_text())["names"] == {0: "Car"}
    assert snapshot.report["images"] == {"train": 2, "held_out": 1}


def test_an_image_that_cannot_be_read_is_left_out_and_named(tmp_path, find):
    snapshot = dataset_folder.write(tmp_path / "out", ITEMS, ["Car"], find)

    assert snapshot.report["left_out"] == {"the image cannot be read": [9]}


def test_images_are_linked_not_copied(tmp_path, find):
    snapshot = dataset_folder.write(tmp_path / "out", ITEMS, ["Car"], find)

    inside = snapshot.folder / "images" / "train" / "task-00000001.jpg"
    assert inside.stat().st_ino == (tmp_path / "source" / "1.jpg").stat().st_ino


def test_the_same_content_is_the_same_dataset(tmp_path, find):
    first = dataset_folder.write(tmp_path / "out", ITEMS, ["Car"], find)
    again = dataset_folder.write(tmp_path / "out", reversed(ITEMS), ["Car"], find)

    assert (first.hash, first.folder) == (again.hash, again.folder)
    assert [path.name for path in (tmp_path / "out").iterdir()] == [first.folder.name]


def test_a_dataset_is_read_back_by_its_hash(tmp_path, find):
    written = dataset_folder.write(tmp_path / "out", ITEMS, ["Car"], find)

    assert dataset_folder.read(tmp_path / "out", written.hash) == written
    assert dataset_folder.read(tmp_path / "out", "0" * 64) is None


def test_an_image_with_nothing_on_it_is_a_negative(tmp_path, find):
    nothing = LabelledImage(5, "/data/5.jpg", (), Side.TRAIN)

    snapshot = dataset_folder.write(tmp_path / "out", [*ITEMS, nothing], ["Car"], find)

    assert (snapshot.folder / "labels" / "train" / "task-00000005.txt").read_text() == ""


@pytest.mark.parametrize("items", [[], [item(1), item(2)], [item(3, Side.HELD_OUT)], [item(9), item(1)]])
def test_a_side_without_images_is_refused_and_leaves_nothing_behind(tmp_path, find, items):
    with pytest.raises(EmptySnapshot):
        dataset_folder.write(tmp_path / "out", items, ["Car"], find)

    assert list((tmp_path / "out").iterdir()) == []


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

    paths = {cache.find(1, item(1)) for _ in range(3)}

    assert images.count == 1
    assert [path.read_bytes() for path in paths] == [picture()]
    images.close()


def test_a_format_that_ultralytics_does_not_read_becomes_png(tmp_path):
    images = OneImage(picture(form="GIF"))

    assert ImageCache(tmp_path, images).find(1, item(1)).read_bytes().startswith(b"\x89PNG")
    images.close()


def test_what_is_no_image_is_not_kept(tmp_path):
    images = OneImage(b"text")

    with pytest.raises(ImageUnreadable):
        ImageCache(tmp_path, images).find(1, item(1))

    assert not [name for _, _, names in os.walk(tmp_path) for name in names]
    images.close()


def test_the_manifest_says_what_is_in_it(tmp_path, find):
    snapshot = dataset_folder.write(tmp_path / "out", ITEMS, ["Car"], find)

    manifest = json.loads((snapshot.folder / "manifest.json").read_text())
    assert manifest["hash"] == snapshot.hash
    assert manifest["report"]["boxes"] == {"train": 2, "held_out": 1}
