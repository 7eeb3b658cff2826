"""Which reviewed boxes are suspected, and by how much."""

import pytest

from loop.crops.suspicion import ReviewedImage, SuspicionPolicy, find_misplaced, find_overlooked, find_shares
from loop.regions import Box
from tests.builders import region

POLICY = SuspicionPolicy()
HERE, SHIFTED, THERE = Box(0.1, 0.1, 0.3, 0.3), Box(0.15, 0.15, 0.35, 0.35), Box(0.6, 0.6, 0.8, 0.8)


def image(reviewed=(), detected=(), task=1, **fields):
    return ReviewedImage(task, "/a.jpg", tuple(reviewed), tuple(detected), **fields)


def test_a_sure_detection_that_nobody_drew_is_overlooked_by_its_confidence():
    drawn, detected = region("d", at=HERE), [region("p1", at=HERE, score=0.9), region("p2", at=THERE, score=0.8)]

    (suspect,) = find_overlooked([image([drawn], detected)], POLICY)

    assert (suspect.region.id, suspect.score, suspect.suggested) == ("p2", 0.8, "Car")


@pytest.mark.parametrize(
    ("reviewed", "detected", "rejected"),
    [
        ([], [region("p", at=THERE, score=0.4)], []),
        ([region("d", "Person", THERE)], [region("p", "Car", THERE, 0.9)], []),
        ([], [region("p", at=THERE, score=0.9)], [region("q", at=THERE, score=0.5)]),
        ([region("d", at=SHIFTED)], [region("p", at=HERE, score=0.9)], []),
    ],
    ids=["unsure", "drawn-with-another-label", "deleted-by-the-reviewer", "drawn-beside-it"],
)
def test_a_detection_is_not_overlooked(reviewed, detected, rejected):
    assert find_overlooked([image(reviewed, detected, rejected=tuple(rejected))], POLICY) == []


def test_a_box_beside_an_object_that_is_drawn_well_does_not_hide_another_object():
    drawn = [region("d", at=HERE)]
    detected = [region("p1", at=HERE, score=0.9), region("p2", at=SHIFTED, score=0.9)]

    (suspect,) = find_overlooked([image(drawn, detected)], POLICY)

    assert suspect.region.id == "p2"


@pytest.mark.parametrize(
    ("drawn", "share"),
    [(SHIFTED, 1.0), (Box(0.12, 0.12, 0.32, 0.32), 2 * (1 - HERE.iou(Box(0.12, 0.12, 0.32, 0.32))))],
    ids=["another-object", "the-same-object"],
)
def test_a_box_that_a_sure_detection_covers_in_part_is_misplaced_by_how_little(drawn, share):
    reviewed, detected = region("d", at=drawn), region("p", at=HERE, score=0.9)

    (suspect,) = find_misplaced([image([reviewed], [detected])], POLICY)

    assert suspect.region == reviewed
    assert suspect.score == pytest.approx(0.9 * share, abs=1e-4)


def test_a_box_beside_a_sure_detection_comes_before_one_that_no_version_finds():
    seen = [image([region("d", at=HERE)], [region("p", at=HERE, score=0.9)], task=task) for task in range(1, 9)]
    alone, beside = image([region("x", at=THERE)], task=9), image([region("y", at=SHIFTED)], [seen[0].detected[0]], 10)

    assert [suspect.task_id for suspect in find_misplaced([*seen, alone, beside], POLICY)] == [10, 9]


def test_a_box_that_no_version_finds_is_misplaced_by_how_often_its_class_is_found():
    seen = [image([region("d", at=HERE)], [region("p", at=HERE, score=0.9)], task=task) for task in range(1, 9)]
    alone = image([region("x", at=THERE)], task=9)

    (suspect,) = find_misplaced([*seen, alone], POLICY)

    assert (suspect.task_id, suspect.score) == (9, 0.8)  # 8 of 9 boxes, and one more that counts as not found
    assert find_shares([*seen, alone], POLICY) == {"Car": 0.8}


@pytest.mark.parametrize(
    ("detected", "found"),
    [([region("p", at=HERE, score=0.9)], []), ([region("p", at=HERE, score=0.2)], []), ([], [region("q", at=HERE)])],
    ids=["well-placed", "found-by-an-unsure-detection", "found-by-another-version"],
)
def test_a_box_is_not_misplaced(detected, found):
    others = [image([region("d", at=THERE)], [region("p", at=THERE, score=0.9)], task=task) for task in range(2, 9)]

    assert find_misplaced([image([region("d", at=HERE)], detected, found=tuple(found)), *others], POLICY) == []


def test_of_a_hard_class_a_box_that_no_version_finds_is_no_suspect():
    unseen = [image([region("d", at=HERE)], task=task) for task in range(1, 9)]

    assert find_misplaced(unseen, POLICY) == []


def test_scores_lie_between_0_and_1_and_come_the_likeliest_first():
    images = [
        image([region("d", at=HERE)], [region("p", at=THERE, score=score), region("h", at=HERE, score=1.0)], task=task)
        for task, score in enumerate((0.6, 1.0, 0.8), start=1)
    ]

    scores = [suspect.score for suspect in find_overlooked(images, POLICY)]

    assert scores == [1.0, 0.8, 0.6]
