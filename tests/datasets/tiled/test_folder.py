"""Datasets that are trained on tile by tile: real records, and real images from an HTTP server on this machine."""

import shutil
from collections import defaultdict
from dataclasses import replace

import numpy as np
import pytest

from loop.datasets import folder as dataset_folder
from loop.datasets.assemble import assemble, assemble_verified, export_dataset
from loop.datasets.snapshot_store import SnapshotStore
from loop.datasets.splits import Side
from loop.datasets.tiled.folder import read_tiles
from loop.datasets.tiled.policy import TilePolicy
from loop.datasets.yolo_format import read_lines
from loop.errors import PoisonedSnapshot
from loop.imports.yolo import read_yolo
from loop.registry.store import VersionFacts
from loop.settings import Settings
from loop.storage.file_store import FileStore
from loop.vision.image_files import read_prepared
from loop.vision.tiling.tiles import Tile, Tiling
from tests.builders import box, region
from tests.datasets.builders import with_policy
from tests.swap import swap

SMALL = region("a", at=box(0.05, 0.05, 0.12, 0.15))  # of an image of 64 x 48 pixels: whole on the first tile alone
OWN = {"tile": 32, "tile_overlap": 0.2}


@pytest.fixture
def tiled(rooms, reviewed):
    """Twelve reviewed tasks with a small object each, of a project that is trained on in tiles of 32 pixels."""
    rooms.studio.projects.set_policy(1, OWN)
    for task in range(1, 13):
        reviewed(task, SMALL)
    return rooms


def files(snapshot):
    root = snapshot.folder
    return {str(path.relative_to(root)): path.read_bytes() for path in sorted(root.rglob("*")) if path.is_file()}


def test_all_tiles_of_an_image_are_on_its_side_and_show_what_it_shows(tiled):
    snapshot = assemble_verified(tiled.datasets, 1, list)

    items = {item.task: item for item in snapshot.items()}
    assert snapshot.tiling == Tiling(32, 6)
    assert {tile.task for tile in read_tiles(snapshot.folder)} == items.keys()
    for tile in read_tiles(snapshot.folder):
        item = items[tile.task]
        whole = read_prepared(snapshot.folder / "images" / item.side / item.file)
        assert tile.side is item.side
        assert np.array_equal(read_prepared(tile.image_file(snapshot.folder)), Tile(*tile.place).cut(whole))


def test_boxes_are_where_the_objects_are_on_the_tiles(tiled):
    snapshot = assemble(tiled.datasets, 1)

    for tile in read_tiles(snapshot.folder):
        regions = read_lines(tile.labels_file(snapshot.folder).read_text(), snapshot.class_names)
        assert len(regions) == tile.boxes
        for found in regions:
            left, top = found.box.x0 * 32 + tile.place[0], found.box.y0 * 32 + tile.place[1]
            assert (left, top) == pytest.approx((0.05 * 64, 0.05 * 48), abs=0.001)


def test_empty_tiles_are_a_share_of_the_training_and_counted(tiled):
    rooms = with_policy(tiled, selection=replace(tiled.datasets.policy.selection, background_share=0.25))

    snapshot = assemble(rooms.datasets, 1)

    by_side = defaultdict(list)
    for tile in read_tiles(snapshot.folder):
        by_side[tile.side].append(tile.boxes)
    for side, boxes in by_side.items():
        filled = sum(count > 0 for count in boxes)
        assert boxes.count(0) == filled // 3
        assert snapshot.report["tiles"][side] == len(boxes)
    assert snapshot.report["images"][Side.TRAIN] + snapshot.report["images"][Side.HELD_OUT] == 12


def test_an_import_reads_its_images_and_not_their_tiles(tiled, tmp_path):
    snapshot = export_dataset(tiled.datasets, 1, tmp_path / "out")

    images = list(read_yolo(tmp_path / "out").read())

    assert list(read_tiles(tmp_path / "out"))
    assert sorted(image.name for image in images) == sorted(f"images/{one.side}/{one.file}" for one in snapshot.items())
    assert {len(image.boxes) for image in images} == {1}
    (tmp_path / "out/items.jsonl").unlink()  # a dataset from elsewhere may have a folder of that name
    assert len(list(read_yolo(tmp_path / "out").read())) > len(images)


def test_a_project_without_tiles_has_the_dataset_that_it_had(rooms, reviewed):
    for task in range(1, 13):
        reviewed(task, SMALL)
    before = assemble(rooms.datasets, 1)
    set_for_all = with_policy(rooms, tiles=TilePolicy(32))
    tiled = assemble(set_for_all.datasets, 1)
    set_for_all.studio.projects.set_policy(1, {"tile": 0})

    again = assemble(set_for_all.datasets, 1)

    assert before == again != tiled
    assert before.tiling is None
    assert before.trained_on == before.data
    assert not (before.folder / "tiles").exists()
    assert tiled.trained_on == tiled.folder / "tiles" / "data.yaml"


@pytest.mark.parametrize("kind", ["images", "labels", "items.jsonl", "a file more"])
def test_a_damaged_tile_is_found(tiled, kind):
    snapshot = assemble(tiled.datasets, 1)
    tile = next(read_tiles(snapshot.folder))
    path = {
        "images": tile.image_file(snapshot.folder),
        "labels": tile.labels_file(snapshot.folder),
        "items.jsonl": snapshot.folder / "tiles" / "items.jsonl",
        "a file more": tile.image_file(snapshot.folder).with_name("more.bmp"),
    }[kind]
    content = path.read_bytes() if path.exists() else b""
    path.unlink(missing_ok=True)  # it may be linked
    path.write_bytes(content[:-1] + b"?")

    with pytest.raises(PoisonedSnapshot) as caught:
        dataset_folder.verify(snapshot)

    if kind in ("images", "labels"):
        assert list(caught.value.problems) == [tile.task]


def test_tiles_of_images_that_are_known_are_linked_and_all_is_as_if_made_anew(tiled, reviewed):
    first = assemble(tiled.datasets, 1)
    reviewed(13, SMALL)
    second = assemble(tiled.datasets, 1)
    other = tiled.datasets.snapshots.folder(1).parents[1] / "anew"
    anew = assemble(swap(tiled, (tiled.datasets.snapshots, SnapshotStore(other, FileStore(other)))).datasets, 1)

    known = {tile.name: tile.image_file(first.folder) for tile in read_tiles(first.folder)}
    linked = [
        tile.image_file(second.folder).samefile(known[tile.name])
        for tile in read_tiles(second.folder)
        if tile.name in known
    ]
    assert linked
    assert all(linked)
    assert second.hash == anew.hash
    assert files(second) == files(anew)


def test_another_tile_is_another_dataset(tiled):
    first = assemble(tiled.datasets, 1)
    tiled.studio.projects.set_policy(1, {"tile": 32, "tile_overlap": 0.5})

    second = assemble(tiled.datasets, 1)

    assert first.hash != second.hash
    assert tiled.datasets.snapshots.read(1, first.hash) == first
    assert tiled.datasets.snapshots.read(1, second.hash) == second


def test_another_machine_cuts_the_same_tiles_from_the_images_in_the_store(tiled, settings, tmp_path):
    stored = Settings.read({**settings.environment(), "LOOP_STORE": f"file://{tmp_path}/store"})
    here = SnapshotStore(tiled.datasets.snapshots.folder(1).parent, FileStore(settings.home, stored.store))
    rooms = swap(tiled, (tiled.datasets.snapshots, here))
    FileStore(settings.home, stored.store).write_mark("ours")
    snapshot = assemble_verified(rooms.datasets, 1, list)

    elsewhere = SnapshotStore(tmp_path / "else/snapshots", FileStore(tmp_path / "else", stored.store))
    brought = elsewhere.read(1, snapshot.hash)

    dataset_folder.verify(brought)
    assert files(brought) == files(snapshot)
    assert not list((tmp_path / "store").rglob("*.bmp"))


def test_an_image_that_the_store_has_lost_is_named(tiled, settings, tmp_path):
    store = FileStore(settings.home, f"file://{tmp_path}/store")
    store.write_mark("ours")
    rooms = swap(tiled, (tiled.datasets.snapshots, SnapshotStore(tiled.datasets.snapshots.folder(1).parent, store)))
    snapshot = assemble_verified(rooms.datasets, 1, list)
    shutil.rmtree(tmp_path / "store/snapshots/1/.images")
    elsewhere = SnapshotStore(tmp_path / "else/snapshots", FileStore(tmp_path / "else", f"file://{tmp_path}/store"))

    with pytest.raises(PoisonedSnapshot):
        elsewhere.read(1, snapshot.hash)


def test_images_that_were_learned_in_other_tiles_are_trained_on_again(tiled):
    rooms = with_policy(tiled, selection=replace(tiled.datasets.policy.selection, replay_share=0.5))
    first = assemble(rooms.datasets, 1)
    (rooms.datasets.snapshots.folder(1) / "weights.pt").write_bytes(b"weights")
    facts = VersionFacts(snapshot=first.hash)
    version = rooms.registry.versions.add(1, rooms.datasets.snapshots.folder(1) / "weights.pt", facts)
    rooms.registry.versions.promote(1, version.name, "a test")

    alike = assemble(rooms.datasets, 1)
    rooms.studio.projects.set_policy(1, {"tile": 0})
    whole = assemble(rooms.datasets, 1)

    assert any(item.resting for item in alike.items())
    assert not any(item.resting for item in whole.items())
