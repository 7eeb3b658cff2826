"""Leaks between the sides of the split: found, named, and left out."""

import json

import pytest
from typer.testing import CliRunner

from loop.cli.tree import app
from loop.datasets.assemble import assemble, find_leaks
from loop.datasets.snapshots import Reason
from loop.datasets.splits import Leak, Side
from loop.errors import EmptySnapshot, LeakedSplit
from loop.training.retrain import retrain
from loop.training.store import TrainingState
from tests.builders import NOON
from tests.datasets.builders import sides, with_policy


def loop(settings, *arguments):
    return CliRunner().invoke(app, [*map(str, ("dataset", *arguments)), "--project", "1"], env=settings.environment())


def leaky(rooms, reviewed):
    """Thirty tasks; then the picture of a training task is replaced by that of a held-out one."""
    for task in range(1, 31):
        reviewed(task)
    before = sides(assemble(rooms.datasets, 1))
    held = next(task for task, side in before.items() if side is Side.HELD_OUT)
    train = next(task for task, side in before.items() if side is Side.TRAIN)
    reviewed(train, image=f"{held}.jpg", minutes=5)
    return held, train


def test_an_image_that_was_replaced_by_a_held_out_one_blocks_and_is_named(rooms, reviewed):
    held, train = leaky(rooms, reviewed)

    with pytest.raises(LeakedSplit, match=rf"task {train}: like {held}.*loop dataset leaks --project 1") as caught:
        assemble(rooms.datasets, 1)

    assert caught.value.pairs == [(held, train)]
    assert find_leaks(rooms.datasets, 1) == [Leak(held, train, "near-duplicate, 0 bits apart")]


def test_a_training_with_a_leak_fails_and_says_the_way_out(rooms, reviewed):
    leaky(rooms, reviewed)
    rooms.trainings.store.ask(1, "by hand")

    assert "--leave-out" in retrain(rooms.trainings, 1)
    assert rooms.trainings.store.last(1)[0].state is TrainingState.FAILED


def test_a_new_task_that_belongs_to_both_sides_stays_out_of_training_by_itself(rooms, reviewed):
    for task in range(1, 31):
        reviewed(task, day=f"{task}")
    before = sides(assemble(rooms.datasets, 1))
    held = next(task for task, side in before.items() if side is Side.HELD_OUT)
    train = next(task for task, side in before.items() if side is Side.TRAIN)
    reviewed(31, image=f"{held}.jpg", day=f"{train}")

    for _ in range(2):  # also where it is no longer new
        snapshot = assemble(rooms.datasets, 1)
        assert sides(snapshot) == before
        assert snapshot.report["left_out"] == {Reason.LEFT_OUT: [31]}
    assert find_leaks(rooms.datasets, 1) == []


def test_a_field_that_is_set_later_shows_its_leaks(rooms, reviewed):
    for task in range(1, 31):
        reviewed(task, day=f"{task % 3}")
    before = sides(assemble(with_policy(rooms, group_field="").datasets, 1))

    leaks = find_leaks(rooms.datasets, 1)

    held_days = {task % 3 for task, side in before.items() if side is Side.HELD_OUT}
    assert [one.train for one in leaks] == [t for t, s in before.items() if s is Side.TRAIN and t % 3 in held_days]
    assert {one.why for one in leaks} == {f"one group: {day}" for day in held_days}


def test_the_command_shows_leaks_leaves_them_out_and_puts_them_back(rooms, reviewed, settings):
    held, train = leaky(rooms, reviewed)

    shown = json.loads(loop(settings, "leaks", "--json").stdout)
    done = loop(settings, "leaks", "--leave-out")

    assert shown["leaks"] == [{"held_out": held, "train": train, "why": "near-duplicate, 0 bits apart"}]
    assert "left out of training: 1" in done.stdout
    snapshot = assemble(rooms.datasets, 1)
    assert snapshot.report["left_out"] == {Reason.LEFT_OUT: [train]}
    assert train not in {one.task for one in snapshot.items()}
    assert held in {one.task for one in snapshot.items()}
    assert "no leaks" in loop(settings, "leaks").stdout
    assert "put back: 1" in loop(settings, "leaks", "--put-back").stdout
    with pytest.raises(LeakedSplit):
        assemble(rooms.datasets, 1)


def test_a_side_that_lost_its_reviews_is_named_and_the_next_review_takes_its_place(rooms, reviewed):
    for task in range(1, 5):
        reviewed(task)
    before = {one.task: (one.annotation, one.side) for one in assemble(rooms.datasets, 1).items()}
    held_out = {task: annotation for task, (annotation, side) in before.items() if side is Side.HELD_OUT}
    rooms.reviews.store.delete(1, "annotation", dict.fromkeys(held_out.values(), NOON))

    with pytest.raises(EmptySnapshot) as error:
        assemble(rooms.datasets, 1)
    for task in range(11, 13):
        reviewed(task)
    after = assemble(rooms.datasets, 1)

    assert f"no task of the other side ({', '.join(map(str, sorted(held_out)))})" in str(error.value)
    assert {one.side for one in after.items()} == set(Side)
    assert all(before[one.task] == (one.annotation, one.side) for one in after.items() if one.task in before)
