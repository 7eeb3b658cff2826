"""The look at all reviews of a project for boxes that may be wrong."""

import pytest

from loop.crops.find_suspects import list_tasks, look
from loop.crops.suspicion import SuspectKind
from loop.storage.tables import predictions
from tests.builders import box, read_rows, region
from tests.crops.builders import CAR, PERSON, accept, fill
from tests.fakes import FakeDetectors, FakeImages
from tests.swap import swap

SHIFTED = box(0.15, 0.15, 0.35, 0.35)


@pytest.fixture
def champion(rooms, tmp_path):
    """A project whose champion finds a car and a person on every image, but for that of task 9."""
    (tmp_path / "some.pt").write_bytes(b"weights")
    rooms.registry.versions.promote(1, rooms.registry.versions.add(1, tmp_path / "some.pt").name, "first")
    return swap(
        rooms,
        (rooms.registry.detectors, FakeDetectors((CAR, "car", 0.9), (PERSON, "person", 0.8))),
        (rooms.vision.images, FakeImages(broken=[9])),
    )


def suspected(rooms, kind):
    return [(suspect.task_id, suspect.region.label) for suspect in rooms.crops.suspects.read(1).of_kind(kind)]


def test_a_look_finds_overlooked_and_misplaced_boxes_on_images_that_the_champion_never_predicted(champion):
    accept(champion, 1, region("a", "Car", CAR), region("b", "Person", PERSON))
    accept(champion, 2, region("a", "Car", CAR))
    accept(champion, 3, region("a", "Car", SHIFTED), region("b", "Person", PERSON))

    line = look(champion.crops, 1)

    assert suspected(champion, SuspectKind.OVERLOOKED) == [(2, "Person")]
    assert suspected(champion, SuspectKind.MISPLACED) == [(3, "Car")]
    assert "1 overlooked, 1 misplaced; 3 images compared with yolo_detector@1.0.0" in line
    assert read_rows(champion, predictions) == []  # nothing is logged as served


def test_a_review_that_comes_during_a_look_is_newer_than_the_look(champion):
    class Slow(FakeImages):
        def load(self, tasks):
            accept(champion, 1, region("a", "Car", CAR), region("b", "Person", PERSON), minutes=5)
            yield from super().load(tasks)

    accept(champion, 1, region("a", "Car", CAR))

    look(swap(champion, (champion.vision.images, Slow())).crops, 1)

    found = champion.crops.suspects.read(1)
    assert list_tasks(found.suspects) == [1]
    assert champion.crops.suspects.find_reviewed_since(1, [1], found.looked_at) == {1}


def test_the_prediction_that_the_log_has_is_not_made_again(champion):
    fill(champion)
    accept(champion, 1, region("c1", "Car", CAR), region("p1", "Person", PERSON))
    without_detector = swap(champion, (champion.registry.detectors, FakeDetectors()))

    look(without_detector.crops, 1)

    assert champion.crops.suspects.read(1).images == 1
    assert suspected(champion, SuspectKind.MISPLACED) == []


def test_a_box_that_an_older_version_found_is_no_suspect(champion):
    fill(champion)
    found = box(0.1, 0.6, 0.4, 0.9)  # held back by the prediction that was served
    others = [region(f"x{task}", "Car", CAR) for task in range(2, 9)]
    for task, other in enumerate(others, start=2):
        accept(champion, task, other, makes_vectors=False)
    accept(champion, 1, region("c1", "Car", CAR), region("m", "Car", found))

    look(champion.crops, 1)

    assert (1, "Car") not in suspected(champion, SuspectKind.MISPLACED)


def test_a_detection_that_the_reviewer_deleted_was_not_overlooked(champion):
    fill(champion)
    accept(champion, 1, region("c1", "Car", CAR), minutes=5)

    look(champion.crops, 1)

    assert suspected(champion, SuspectKind.OVERLOOKED) == []


def test_labels_that_all_neighbours_contradict_are_swapped(champion):
    for task in range(11, 22):
        accept(champion, task, region("a", "Car", CAR), region("b", "Person", PERSON), makes_vectors=False)
    accept(champion, 6, region("a", "Person", CAR), region("b", "Person", PERSON))

    look(champion.crops, 1)

    (suspect,) = champion.crops.suspects.read(1).of_kind(SuspectKind.SWAPPED)
    assert (suspect.task_id, suspect.region.label, suspect.suggested) == (6, "Person", "Car")
    assert 0 <= suspect.score <= 1
    assert suspect.region.box == CAR


def test_with_milvus_down_or_without_a_version_the_rest_is_looked_at_and_the_line_says_what_is_not(champion):
    accept(champion, 2, region("a", "Car", CAR))
    champion.references.milvus.is_down = True

    line = look(champion.crops, 1)

    assert "swapped labels: " in line
    assert "did not answer" in line
    assert suspected(champion, SuspectKind.OVERLOOKED) == [(2, "Person")]


def test_without_a_version_only_labels_are_looked_at(rooms):
    accept(rooms, 1, region("a", "Car", CAR))

    assert "no version serves yet" in look(rooms.crops, 1)


def test_an_image_that_is_gone_costs_only_itself(champion):
    accept(champion, 2, region("a", "Car", CAR))
    accept(champion, 9, region("a", "Car", CAR))

    line = look(champion.crops, 1)

    assert "1 images could not be read" in line
    assert list_tasks(champion.crops.suspects.read(1).suspects) == [2]
