"""The frozen split, and what a dataset is made of."""

import functools
import operator

from hypothesis import given
from hypothesis import strategies as st

from loop.snapshots import Entry, LabelledImage, Report, digest, usable
from loop.splits import Side, assign
from tests.builders import region

ids = st.lists(st.integers(1, 10_000), unique=True, max_size=60)


@given(ids, ids)
def test_a_task_never_changes_sides(first, later):
    known = assign({}, first, project_id=1, share=0.2)

    new = assign(known, [*first, *later], project_id=1, share=0.2)

    assert not known.keys() & new.keys()
    assert known.keys() | new.keys() == {*first, *later}


@given(st.lists(st.integers(1, 10_000), unique=True, min_size=2, max_size=60), st.floats(0.01, 0.99))
def test_two_tasks_are_enough_for_both_sides(task_ids, share):
    assert set(assign({}, task_ids, project_id=1, share=share).values()) == set(Side)


def test_the_share_is_held_out():
    sides = assign({}, range(5000), project_id=1, share=0.2)

    assert 0.18 < sum(side == Side.HELD_OUT for side in sides.values()) / 5000 < 0.22


def image(*regions, task=1):
    return LabelledImage(task, "/data/a.jpg", tuple(regions), Side.TRAIN)


def test_an_image_with_an_unknown_or_missing_label_is_left_out_whole():
    report = Report()
    items = [image(region(label="Car")), image(region(label="Plane"), region(label="Car"), task=2)]
    items += [image(region(label=""), task=3), image(task=4)]

    kept = usable(items, {"Car": 0}, report)

    assert [item.task_id for item in kept] == [1, 4]
    assert sorted(functools.reduce(operator.iadd, report.left_out.values(), [])) == [2, 3]


def test_the_same_content_gives_the_same_name_in_any_order():
    one, other = Entry("a", Side.TRAIN, "0", "0 1 1 1 1\n"), Entry("b", Side.HELD_OUT, "1", "")

    assert digest([one, other], ["Car"]) == digest([other, one], ["Car"])
    assert digest([one, other], ["Car"]) != digest([one, other], ["Car", "Person"])
    assert digest([one], ["Car"]) != digest([Entry("a", Side.HELD_OUT, "0", "0 1 1 1 1\n")], ["Car"])
