"""Tasks that were accepted without a review are trained on where asked, and never held out."""

import pytest

from loop.datasets.assemble import assemble
from loop.datasets.split_store import ReviewedTask
from loop.datasets.splits import Side
from loop.reviews.accepted.store import AcceptedTask
from tests.builders import region, review
from tests.datasets.builders import sides, with_policy

REVIEWED, ACCEPTED = range(1, 11), range(11, 41)


@pytest.fixture
def accepted(rooms, reviewed):
    """Ten reviewed tasks, and thirty that were accepted."""
    for task in (*REVIEWED, *ACCEPTED):
        reviewed(task)
    data = {task: one.data for task, one in rooms.reviews.store.find_counted(1).items()}
    rows = [AcceptedTask(task, "token", "v", 1, 0.9, 5) for task in ACCEPTED]
    rooms.reviews.accepted.begin(1, rows, {})
    for row in rows:
        made = review(region(), annotation=1000 + row.task_id, task=row.task_id, minutes=5, is_unseen=True)
        rooms.reviews.store.record(made, data[row.task_id])
        rooms.reviews.accepted.fill_in(1, row, made.id, made.created_at)
    return rooms


def asked(rooms):
    return with_policy(rooms, trains_on_accepted=True)


def change(rooms, task, **fields):
    """Let a person change an accepted annotation."""
    data = rooms.reviews.accepted.read_trainable(1)[task].data
    rooms.reviews.store.record(review(annotation=1000 + task, task=task, minutes=5, edited=9, **fields), data)


def test_they_are_in_no_dataset_unless_asked(accepted):
    assert sides(assemble(accepted.datasets, 1)).keys() == set(REVIEWED)


def test_asked_for_they_are_trained_on_and_none_is_held_out(accepted):
    before = sides(assemble(accepted.datasets, 1))

    after = sides(assemble(asked(accepted).datasets, 1))

    assert before.items() <= after.items()
    assert {after[task] for task in ACCEPTED} == {Side.TRAIN}


def test_one_that_a_person_removed_or_skipped_is_trained_on_no_more(accepted):
    change(accepted, 11, is_skipped=True, is_unseen=True)
    accepted.reviews.accepted.remove(1, [12])

    trained = sides(assemble(asked(accepted).datasets, 1))

    assert trained.keys() == {*REVIEWED, *ACCEPTED} - {11, 12}


def test_the_same_dataset_comes_from_what_was_read_before(accepted):
    rooms = asked(accepted)

    assert assemble(rooms.datasets, 1).hash == assemble(rooms.datasets, 1).hash


def test_a_held_out_task_whose_review_is_gone_is_not_trained_on(accepted):
    accepted.datasets.splits.keep_sides(1, {11: True})

    assert 11 not in sides(assemble(asked(accepted).datasets, 1))


def test_one_that_is_like_a_held_out_task_is_left_out_and_gets_no_side(rooms):
    seen = [ReviewedTask(task, f"{task // 2}", None, "a") for task in range(2, 42)]
    reviewed_tasks, to_train = seen[::2], frozenset(task.task_id for task in seen[1::2])

    split = rooms.datasets.splits.freeze(1, seen, share=0.3, twin_bits=4, to_train=to_train)

    held_out = {task.task_id for task in reviewed_tasks if split.sides[task.task_id] is Side.HELD_OUT}
    assert held_out
    assert {task for task in to_train if split.sides[task] is Side.HELD_OUT} == set()
    assert split.left_out == {task + 1 for task in held_out}
    assert not split.leaks
    later = rooms.datasets.splits.freeze(1, seen, share=0.3, twin_bits=4)
    assert {later.sides[task + 1] for task in held_out} == {Side.HELD_OUT}
