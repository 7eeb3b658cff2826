"""What is set aside: an image that the embedder fails on, and a task whose reviews the sync cannot read."""

import pytest

from loop.references.entries import CollectionKind
from loop.references.index import index
from loop.reviews.set_aside import Step
from tests.builders import box, region, served
from tests.references.builders import entries, reviewed
from tests.references.fakes import FakeReferences
from tests.swap import swap
from tests.vision.fakes import FakeEmbedders


class Picky(FakeEmbedders):
    """Fails where the box of task 2 is among what it is given."""

    def __init__(self, error):
        super().__init__()
        self.error, self.calls = error, 0

    def embed(self, images, boxes):
        self.calls += 1
        if any(box.x0 == pytest.approx(0.2) for crops in boxes for box in crops):
            raise self.error
        return super().embed(images, boxes)


def predicted(rooms):
    for task in (1, 2, 3):
        car = region(f"r{task}", "Car", box(task / 10, 0.1, 0.9, 0.9), 0.9)
        rooms.serving.predictions.append([served(car, task=task, image=f"/data/upload/1/{task}.jpg")])


def test_an_image_that_the_embedder_fails_on_costs_only_its_own_vectors(rooms):
    predicted(rooms)
    rooms = swap(
        rooms,
        (rooms.vision.embedders, Picky(ValueError("a shape that nobody thought of"))),
        (rooms.references.milvus, FakeReferences()),
    )

    line = index(rooms.references, 1).line

    collection = rooms.references.milvus.find(1, CollectionKind.DETECTIONS, rooms.vision.embedders.space("", None))
    assert {entry.region for entry, _ in collection.rows.values()} == {"r1", "r3"}
    assert "2 vectors made" in line


def test_an_embedder_without_memory_gives_no_image_up(rooms):
    predicted(rooms)
    rooms = swap(rooms, (rooms.vision.embedders, Picky(MemoryError())), (rooms.references.milvus, FakeReferences()))

    with pytest.raises(MemoryError):
        index(rooms.references, 1)

    assert rooms.vision.embedders.calls == 2  # for the first image, and for the second, whose memory is missing


def test_a_task_that_the_sync_set_aside_has_no_references_until_it_is_released(rooms):
    rooms = swap(rooms, (rooms.vision.embedders, FakeEmbedders()), (rooms.references.milvus, FakeReferences()))
    reviewed(rooms, region("a"))
    index(rooms.references, 1)

    found = []
    for errors in ({1: "another annotation cannot be read"}, {}):  # its review does not change
        rooms.reviews.set_aside.replace(1, Step.COMPARE, [1], errors)
        index(rooms.references, 1)
        found.append(list(entries(rooms, CollectionKind.REFERENCES)))

    assert found == [[], ["a"]]
