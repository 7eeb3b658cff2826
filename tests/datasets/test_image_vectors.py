"""Near-duplicates that only an embedder sees: real records and images, a fake embedder."""

import io
import random
from contextlib import closing
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image, ImageOps

from loop.datasets.assemble import assemble, find_leaks
from loop.datasets.splits import Side
from loop.errors import LeakedSplit, TrainingCancelled, UpstreamError
from loop.settings import Settings
from loop.vision.embedders import Embedders
from loop.vision.image_files import read_shrunk
from loop.wiring import build
from tests.builders import CONFIG, region, review
from tests.datasets.builders import sides
from tests.fakes import Killed
from tests.swap import swap
from tests.vision.fakes import FakeEmbedders, FixedEmbedders, FolderImages


def photo(seed):
    """A picture that looks like no other."""
    rng = random.Random(seed)
    return Image.frombytes("RGB", (8, 6), bytes(rng.randrange(256) for _ in range(3 * 48))).resize((64, 48))


@pytest.fixture
def rooms(tmp_path):
    with closing(build(Settings.read({"LOOP_HOME": str(tmp_path / "home")}), migrate=True)) as built:
        for project in (1, 2):
            built.studio.projects.save(project, "Cars", CONFIG)
        yield swap(built, (built.vision.cache, FolderImages()), (built.vision.embedders, FixedEmbedders()))


@pytest.fixture
def reviewed(rooms, tmp_path):
    """Records a review of a task that shows an image."""

    def recorded(task, image, *, project=1, minutes=0):
        path = tmp_path / f"{project}-{task}-{minutes}.png"
        image.save(path)
        made = review(region(), annotation=1000 + task, task=task, project=project, minutes=minutes)
        rooms.reviews.store.record(made, {"image": str(path)})

    return recorded


def without(rooms):
    """The same, and nothing embeds."""
    return swap(rooms, (rooms.vision.embedders, FakeEmbedders()))


def test_a_twin_that_only_its_vector_shows_joins_the_side_of_the_task_it_is_like(rooms, reviewed):
    for task in range(1, 31):
        reviewed(task, photo(task))
    before = sides(assemble(rooms.datasets, 1))
    for task in range(1, 31):
        reviewed(100 + task, ImageOps.mirror(photo(task)))

    after = sides(assemble(rooms.datasets, 1))

    assert [after[100 + task] for task in range(1, 31)] == [before[task] for task in range(1, 31)]
    assert set(before.values()) == set(Side)
    assert find_leaks(rooms.datasets, 1) == []


def test_an_embedder_set_later_moves_nothing_and_names_the_leaks_with_their_similarity(rooms, reviewed):
    for task in range(1, 31):
        reviewed(task, photo(task))
        reviewed(100 + task, ImageOps.mirror(photo(task)))
    before = sides(assemble(without(rooms).datasets, 1))

    with pytest.raises(LeakedSplit):
        assemble(rooms.datasets, 1)

    leaks = find_leaks(rooms.datasets, 1)
    apart = {task for task in range(1, 31) if before[task] is not before[100 + task]}
    assert apart
    assert {one.train % 100 for one in leaks} == apart
    assert {one.why for one in leaks} == {"near-duplicate, cosine 1.000"}
    rooms.datasets.splits.leave_out(1, [one.train for one in leaks])
    after = sides(assemble(rooms.datasets, 1))
    assert after.items() <= before.items()
    assert len(after) == 60 - len(apart)


def test_each_image_is_embedded_once_some_at_a_time(rooms, reviewed):
    for task in range(1, 41):
        reviewed(task, photo(task))
    first = assemble(rooms.datasets, 1)
    assert sum(rooms.vision.embedders.batches) == 40
    assert max(rooms.vision.embedders.batches) <= 16
    reviewed(41, photo(41))
    reviewed(1, photo(99), minutes=5)  # shows another image now

    second = assemble(rooms.datasets, 1)
    find_leaks(rooms.datasets, 1)

    assert rooms.vision.embedders.batches[3:] == [2]
    assert sides(first).items() <= sides(second).items()


def test_another_embedder_sees_every_image_anew(rooms, reviewed):
    for task in range(1, 11):
        reviewed(task, photo(task))
    assemble(rooms.datasets, 1)
    rooms.vision.embedders.fingerprint = "2" * 64

    assemble(rooms.datasets, 1)

    assert rooms.vision.embedders.batches == [10, 10]


def test_the_same_task_of_two_projects_has_two_vectors(rooms, reviewed):
    for task in range(1, 11):
        reviewed(task, photo(task))
        reviewed(task, photo(50 + task), project=2)

    assemble(rooms.datasets, 1)
    assemble(rooms.datasets, 2)
    assemble(rooms.datasets, 1)

    assert rooms.vision.embedders.batches == [10, 10]


def test_a_vector_of_an_image_that_a_task_no_longer_shows_is_not_read(rooms):
    vectors = np.eye(2, dtype=np.float32)
    rooms.datasets.vectors.replace(1, "e", {1: "old", 2: "same"}, vectors)

    stored = rooms.datasets.vectors.read(1, "e", {1: "new", 2: "same"}, 0.95)

    assert stored.rows == {2: 0}
    assert stored.vectors.tolist() == [[0, 1]]
    assert rooms.datasets.vectors.read(2, "e", {}, 0.95).rows == {}
    assert rooms.datasets.vectors.read(1, "other", {}, 0.95).rows == {}


def test_killed_while_it_embeds_it_goes_on_where_it_was(rooms, reviewed):
    for task in range(1, 41):
        reviewed(task, photo(task))
    rooms.vision.embedders.calls_left = 2
    with pytest.raises(Killed):
        assemble(rooms.datasets, 1)
    rooms.vision.embedders.calls_left = None

    assemble(rooms.datasets, 1)

    assert rooms.vision.embedders.batches == [16, 16, 8]


def test_a_cancelled_training_stops_embedding(rooms, reviewed):
    for task in range(1, 41):
        reviewed(task, photo(task))

    def check():
        if rooms.vision.embedders.batches:
            raise TrainingCancelled("training 1 was cancelled")

    with pytest.raises(TrainingCancelled):
        assemble(rooms.datasets, 1, check)

    assert rooms.vision.embedders.batches == [16]


def test_without_a_tower_or_a_cosine_nothing_is_embedded(rooms, reviewed):
    for task in range(1, 11):
        reviewed(task, photo(task))
    off = swap(rooms, (rooms.datasets.policy, replace(rooms.datasets.policy, twin_cosine=0.0)))

    assemble(off.datasets, 1)
    snapshot = assemble(without(rooms).datasets, 1)

    assert rooms.vision.embedders.batches == []
    assert snapshot.report["notes"] == {}


def test_flat_images_have_no_vector_and_are_not_taken_for_one(rooms, reviewed):
    for task in range(1, 31):
        reviewed(task, photo(task))
    assemble(rooms.datasets, 1)
    for task in (*range(1, 11), *range(31, 51)):
        reviewed(task, Image.new("RGB", (64, 48), "white"), minutes=5)

    snapshot = assemble(rooms.datasets, 1)

    assert sum(rooms.vision.embedders.batches) == 30
    assert snapshot.report["notes"] == {}
    assert {sides(snapshot)[task] for task in range(31, 51)} == set(Side)
    assert find_leaks(rooms.datasets, 1) == []


@pytest.mark.parametrize("error", [UpstreamError("no weights"), RuntimeError("out of memory"), OSError("damaged")])
def test_a_broken_embedder_is_told_once_and_the_hashes_decide(rooms, reviewed, caplog, error):
    for task in range(1, 41):
        reviewed(task, photo(task))
    expected = assemble(without(rooms).datasets, 1)
    reviewed(41, photo(1).resize((128, 96)))
    rooms.vision.embedders.broken = error

    assembled = assemble(rooms.datasets, 1)

    assert sides(assembled)[41] is sides(expected)[1]
    assert sum(assembled.report["notes"].values()) == 41
    assert [str(error) in record.message for record in caplog.records] == [True]


@pytest.mark.parametrize(("setting", "compares"), [("yolo:", 0), ("yolo:/w.pt", 0), ("none", 0), ("open_clip:", 1)])
def test_only_a_tower_compares_whole_images(setting, compares):
    assert bool(Embedders(setting).whole_image_space()) == compares


def test_a_tower_whose_weights_are_gone_is_told_and_the_hashes_decide(rooms, reviewed, caplog):
    for task in range(1, 11):
        reviewed(task, photo(task))

    snapshot = assemble(swap(rooms, (rooms.vision.embedders, Embedders("open_clip:/no/such/folder"))).datasets, 1)

    assert len(sides(snapshot)) == 10
    assert ["/no/such/folder" in record.message for record in caplog.records] == [True]


def test_a_photo_that_lies_on_its_side_and_one_in_grey_are_embedded_upright_and_small(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6  # turn it by 90 degrees to see it as it was taken
    content = io.BytesIO()
    photo(1).resize((1600, 1200)).convert("L").save(content, "JPEG", exif=exif)
    (tmp_path / "lying.jpg").write_bytes(content.getvalue())

    pixels = read_shrunk(tmp_path / "lying.jpg", 640)

    assert pixels.shape == (640, 480, 3)
