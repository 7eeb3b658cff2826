"""Which reviewed tasks go into a dataset."""

from loop.datasets import folder as dataset_folder
from loop.datasets.assemble import assemble
from loop.datasets.selection import SelectionPolicy
from loop.datasets.snapshots import Reason
from loop.datasets.splits import Side
from loop.registry.store import VersionFacts
from loop.reviews.verdicts import judge
from tests.builders import box, region, review, served
from tests.datasets.builders import label_of, with_policy


def test_the_share_of_images_with_nothing_on_them_is_limited_and_hard_negatives_come_first(rooms, reviewed):
    for task in range(1, 41):
        reviewed(task)
    for task in range(41, 81):
        reviewed(task, None)
    hard = {45, 60}
    for task in hard:
        rooms.serving.predictions.append([served(region("p"), task=task)])
        (seen,) = rooms.serving.predictions.of_task(1, task)
        rooms.reviews.verdicts.replace(1, task, (review(task=task), seen, judge(seen.regions, [])))

    snapshot = assemble(with_policy(rooms, selection=SelectionPolicy(1.0, 0.2)).datasets, 1)

    train = [one for one in snapshot.items() if one.side is Side.TRAIN]
    empty = {one.task for one in train if not one.boxes}
    kept_hard = hard & {one.task for one in train}
    assert len(empty) == int(0.25 * (len(train) - len(empty)))
    everything = assemble(with_policy(rooms, selection=SelectionPolicy(1.0, 1.0)).datasets, 1)
    sides = {one.task: one.side for one in everything.items()}
    assert kept_hard == {task for task in hard if sides[task] is Side.TRAIN}
    assert kept_hard
    held = {one.task for one in snapshot.items() if one.side is Side.HELD_OUT}
    assert held == {task for task, side in sides.items() if side is Side.HELD_OUT}
    assert snapshot.report["left_out_counts"] == {Reason.BACKGROUND: len(sides) - len(train) - len(held)}
    assert snapshot.report["train"]["hard negatives"] == len(kept_hard)


def learned(rooms, snapshot, tmp_path):
    """Make a version that was trained on a dataset the champion."""
    (tmp_path / "weights.pt").write_bytes(b"weights")
    version = rooms.registry.versions.add(1, tmp_path / "weights.pt", VersionFacts(snapshot=snapshot.hash))
    rooms.registry.versions.promote(1, version.name, "by hand")


def test_a_share_of_what_the_champion_learned_is_repeated_beside_all_that_is_new(rooms, reviewed, tmp_path):
    for task in range(1, 41):
        reviewed(task, region(label="Person" if task in (7, 9, 11) else "Car"))
    repeating = with_policy(rooms, selection=SelectionPolicy(0.25, 1.0))
    first = assemble(repeating.datasets, 1)
    learned(rooms, first, tmp_path)
    reviewed(1, region(), region("b", at=box(0.5, 0.5, 0.9, 0.9)), minutes=5)  # somebody looked again
    for task in range(41, 51):
        reviewed(task)

    second = assemble(repeating.datasets, 1)
    learned(rooms, second, tmp_path)
    third = assemble(repeating.datasets, 1)

    old = [one for one in first.items() if one.side is Side.TRAIN]
    train = {one.task: one for one in second.items() if one.side is Side.TRAIN}
    new = {task for task in train if task > 40}
    assert not any(train[task].resting for task in new)
    if 1 in train:
        assert not train[1].resting
    repeated = [one for one in old if one.task != 1 and not train[one.task].resting]
    assert 0.25 * (len(old) - 1) <= len(repeated) <= 0.25 * len(old) + 2
    assert any("1 " in label_of(second, one) for one in repeated)
    rested = second.report["left_out_counts"][Reason.RESTING]
    assert rested == len(old) - len(repeated) - (1 in train)
    assert third.report["train"].get("new", 0) == 0  # what rested was learned all the same
    assert {one.task for one in third.items()} == {one.task for one in second.items()}
    dataset_folder.verify(second)


def test_all_that_was_learned_is_repeated_by_default(rooms, reviewed, tmp_path):
    for task in range(1, 21):
        reviewed(task)
    first = assemble(rooms.datasets, 1)
    learned(rooms, first, tmp_path)

    assert assemble(rooms.datasets, 1).hash == first.hash
