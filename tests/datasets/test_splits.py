"""The frozen split, what stays on one side of it, and what leaks."""

import time

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from loop.datasets.near_duplicates import NearByHash
from loop.datasets.splits import Leak, Side, assign, join_families, list_leaks

ids = st.lists(st.integers(1, 10_000), unique=True, max_size=60)
BITS = 4
DRAWN_TO_TRAIN = 1  # a project whose new families below are both drawn for the training side


@given(ids, ids)
def test_a_task_never_changes_sides(first, later):
    known = assign({}, first, project_id=1, share=0.2)

    new = assign(known, [*first, *later], project_id=1, share=0.2, labels=[one % 7 for one in [*first, *later]])

    assert not known.keys() & new.keys()
    assert known.keys() | new.keys() == {*first, *later}


@given(st.lists(st.integers(1, 10_000), unique=True, min_size=2, max_size=60), st.floats(0.01, 0.99))
def test_two_tasks_are_enough_for_both_sides(task_ids, share):
    assert set(assign({}, task_ids, project_id=1, share=share).values()) == set(Side)


@given(st.lists(st.integers(0, 9), min_size=2, max_size=60), st.floats(0.05, 0.5))
def test_a_family_is_on_one_side_and_two_families_are_enough_for_both(labels, share):
    sides = assign({}, range(len(labels)), project_id=1, share=share, labels=labels)

    by_family = {label: {sides[task] for task, own in enumerate(labels) if own == label} for label in labels}
    assert all(len(sides_of_family) == 1 for sides_of_family in by_family.values())
    assert len(set(sides.values())) == min(2, len(by_family))


@given(st.lists(st.integers(0, 20), min_size=2, max_size=60), st.integers(1, 59))
def test_a_new_task_joins_the_side_of_its_family(labels, cut):
    known = assign({}, range(len(labels[:cut])), project_id=1, share=0.3, labels=labels[:cut])

    sides = known | assign(known, range(len(labels)), project_id=1, share=0.3, labels=labels)

    by_family = {label: {sides[task] for task, own in enumerate(labels) if own == label} for label in labels}
    assert all(len(sides_of_family) == 1 for sides_of_family in by_family.values())


@pytest.mark.parametrize("kept", [Side.TRAIN, Side.HELD_OUT])
def test_a_new_task_takes_the_place_of_a_side_whose_tasks_are_not_reviewed_any_more(kept):
    known = {1: Side.TRAIN, 2: Side.TRAIN, 3: Side.HELD_OUT, 4: Side.HELD_OUT}
    reviewed = [task for task, side in known.items() if side is kept]
    for task in range(5, 15):
        present = [*reviewed, task]

        (new,) = assign(known, [*known, task], project_id=1, share=0.5, present=present).values()

        assert new is not kept


def test_an_empty_side_is_filled_by_the_size_of_the_dataset_not_of_all_that_was_ever_reviewed():
    known = dict.fromkeys(range(1, 1001), Side.HELD_OUT) | dict.fromkeys(range(1001, 1010), Side.TRAIN)
    film, single = list(range(2000, 2090)), 3000
    labels = [*range(1009), *[5000] * len(film), 5001]

    new = assign(
        known,
        [*known, *film, single],
        project_id=DRAWN_TO_TRAIN,
        share=0.1,
        labels=labels,
        present=[*range(1001, 1010), *film, single],
    )

    assert {new[task] for task in film} == {Side.TRAIN}
    assert new[single] is Side.HELD_OUT


def test_a_new_task_alone_goes_where_it_is_drawn_also_where_all_others_are_not_reviewed_any_more():
    known = {1: Side.TRAIN, 2: Side.HELD_OUT}

    sides = [assign(known, [1, 2, task], project_id=1, share=0.5, present=[task])[task] for task in range(3, 40)]

    assert set(sides) == set(Side)


@pytest.mark.parametrize("size", [1, 10])
def test_the_share_is_held_out(size):
    sides = assign({}, range(5000), project_id=1, share=0.2, labels=[task // size for task in range(5000)])

    assert 0.16 < sum(side == Side.HELD_OUT for side in sides.values()) / 5000 < 0.24


def test_a_family_larger_than_the_held_out_side_is_trained_on():
    for project in range(20):
        labels = [0] * 300 + list(range(1, 701))

        sides = assign({}, range(1000), project_id=project, share=0.2, labels=labels)

        assert sides[0] is Side.TRAIN


def families(looks, groups=None, bits=BITS):
    groups = groups or [None] * len(looks)
    return join_families(groups, NearByHash(looks, bits)).labels.tolist()


def scattered(count, seed=0):
    """Looks that are far apart, as those of different photos are."""
    return [int(look) for look in np.random.default_rng(seed).integers(0, 2**63, count, dtype=np.uint64)]


def changed(look, *bits):
    for bit in bits:
        look ^= 1 << bit
    return look


def partition(labels):
    return {frozenset(np.flatnonzero(np.array(labels) == label).tolist()) for label in labels}


def test_near_duplicates_are_one_family_and_others_are_not():
    first, other, *rest = scattered(30)

    labels = families([first, changed(first, 3, 40, 41, 63), other, changed(other, 1, 2, 3, 4, 5), *rest])

    assert labels[0] == labels[1]
    assert len(set(labels)) == len(labels) - 1


def test_a_chain_is_one_family():
    frames = [0]
    for step in range(9):
        frames.append(changed(frames[-1], *range(4 * step, 4 * step + 4)))

    labels = families([*frames, *scattered(40)])

    assert len(set(labels[:10])) == 1
    assert len(set(labels)) == 41


def test_images_without_a_look_are_no_family():
    assert len(set(families([None] * 30))) == 30


def test_tasks_of_one_group_are_one_family_across_their_twins():
    first, *rest = scattered(30)
    looks, groups = [first, changed(first, 1), *rest], [None] * 31
    groups[1] = groups[2] = "a"

    labels = families(looks, groups)

    assert len(set(labels[:3])) == 1
    assert len(set(labels)) == 29


def test_a_place_that_looks_alike_on_most_images_does_not_make_one_family_of_all():
    camera, rng = scattered(1)[0], np.random.default_rng(1)
    fixed = [changed(camera, *rng.choice(64, 2, replace=False)) for _ in range(300)]

    labels = families([*fixed, *scattered(100)])

    assert max(np.bincount(labels)) <= 200
    assert len(set(families([camera] * 300 + scattered(100)))) == 400


def test_where_a_look_is_cut_the_groups_that_a_person_named_hold():
    labels = families([7] * 100, [f"{task % 10}" for task in range(100)])

    assert partition(labels) == {frozenset(range(start, 100, 10)) for start in range(10)}


def test_a_group_that_holds_everything_is_one_family():
    assert set(families(scattered(50), ["a"] * 50)) == {0}


def test_nothing_is_alike_where_near_duplicates_are_switched_off():
    assert len(set(families([7] * 30, bits=-1))) == 30


@given(st.lists(st.integers(0, 2**64 - 1), max_size=60), st.data(), st.integers(0, 6))
def test_bands_find_what_all_pairs_find(looks, data, width):
    near = [
        changed(look, *data.draw(st.sets(st.integers(0, 63), max_size=7)))
        for look in looks
        for _ in range(data.draw(st.integers(0, 2)))
    ]
    looks = [*looks, *near]

    labels = NearByHash(looks, width).link_chains(np.arange(len(looks)), width).tolist()

    reached = [{at} for at in range(len(looks))]
    for a in range(len(looks)):
        for b in range(a):
            if (looks[a] ^ looks[b]).bit_count() <= width and reached[a] is not reached[b]:
                reached[a] |= reached[b]
                for at in reached[b]:
                    reached[at] = reached[a]
    assert partition(labels) == {frozenset(reach) for reach in reached}


def test_fifty_thousand_looks_are_compared_in_seconds():
    looks = scattered(45_000)
    looks += [changed(look, 1, 17, 33) for look in looks[:5000]]
    began = time.monotonic()

    labels = families(looks)

    assert time.monotonic() - began < 5
    assert len(set(labels)) == 45_000


def leaked(sides, looks, groups=None):
    groups = groups or [None] * len(looks)
    twins = NearByHash(looks, BITS)
    task_ids = list(range(100, 100 + len(looks)))
    return list_leaks(task_ids, sides, groups, join_families(groups, twins), twins)


def test_a_twin_on_the_other_side_is_a_leak_with_the_nearest_of_the_held_out():
    first, *rest = scattered(30)
    looks = [first, changed(first, 1, 2, 3), changed(first, 1), *rest]
    sides = [Side.TRAIN, Side.HELD_OUT, Side.HELD_OUT, *[Side.TRAIN] * len(rest)]

    assert leaked(sides, looks) == [Leak(102, 100, "near-duplicate, 1 bits apart")]


def test_a_group_on_both_sides_is_a_leak_of_each_of_its_training_tasks():
    groups = ["a", "a", "a", *[None] * 30]
    sides = [Side.TRAIN, Side.HELD_OUT, Side.TRAIN, *[Side.TRAIN] * 30]

    leaks = leaked(sides, scattered(33), groups)

    assert leaks == [Leak(101, 100, "one group: a"), Leak(101, 102, "one group: a")]


def test_a_place_that_looks_alike_on_most_images_is_no_leak():
    assert leaked([Side.TRAIN, Side.HELD_OUT] * 50, [7] * 100) == []


def test_nothing_leaks_on_one_side():
    assert leaked([Side.TRAIN] * 30, [7] * 10 + scattered(20)) == []
    assert leaked([], []) == []
