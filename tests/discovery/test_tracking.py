"""What is unknown, which cluster is which, what a person names, and the groups of the queue: pure decisions."""

import base64
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from loop.discovery import clustering
from loop.discovery.beside_references import cluster_beside
from loop.discovery.cluster_record import read_cluster, write_facts, write_member
from loop.discovery.grouping import MOST, group_tasks, keep_numbers
from loop.discovery.tracking import ClusterMembers, Member, NameHint, UnknownCluster, keep_one_per_object, track
from tests.builders import box

HINT = NameHint(None, 0.0, "", 0.0)


def member(task, left=0.1, *, key="", score=0.1, image=""):
    where = box(left, 0.1, left + 0.2, 0.3)
    return Member(key or f"{task}-{left}", f"{task}-{left}", task, image, where, "r", "Car", score)


def cluster(name, tasks, left=0.1):
    return UnknownCluster(name, tuple(member(task, left, key=f"{name}-{task}") for task in tasks), (), 0.9, 0.9, HINT)


def members(tasks, left=0.1):
    return [member(task, left, key=f"old-{task}") for task in tasks]


def ids(clusters):
    return [cluster.id for cluster in clusters]


def test_of_the_boxes_of_one_object_the_surest_stays():
    boxes = keep_one_per_object(
        [member(1, 0.1, score=0.2), member(1, 0.12, score=0.3), member(2, 0.1), member(1, 0.6)], {}
    )

    assert [(entry.task, entry.box.x0) for entry in boxes] == [(1, 0.12), (1, 0.6), (2, 0.1)]


def test_a_member_recorded_by_the_address_of_the_resolver_is_on_its_cloud_image():
    wrapped = base64.urlsafe_b64encode(b"s3://bucket/a.jpg").decode()
    old = replace(cluster("gone", [1]), members=(member(1, image=f"/tasks/1/resolve/?fileuri={wrapped}"),))
    row = SimpleNamespace(
        id=old.id,
        members=[write_member(old.members[0])],
        likely=[],
        facts=write_facts(old, None),
        state="dismissed",
        name=None,
        parent=None,
        node=None,
        found_at=None,
        decided_at=None,
    )

    assert read_cluster(row).cluster.members == (member(1, image="s3://bucket/a.jpg"),)


def test_a_box_where_something_is_known_is_left_out():
    known = {1: [box(0.11, 0.1, 0.31, 0.3)], 2: [box(0.8, 0.8, 0.9, 0.9)]}

    assert [entry.task for entry in keep_one_per_object([member(1), member(2)], known)] == [2]


@given(st.lists(st.tuples(st.integers(1, 3), st.floats(0, 0.8), st.floats(0, 1)), max_size=12), st.randoms())
def test_the_same_boxes_in_any_order_give_the_same(boxes, rng):
    members = [member(task, left, key=str(n), score=score) for n, (task, left, score) in enumerate(boxes)]
    mixed = rng.sample(members, len(members))

    unique = keep_one_per_object(members, {})

    assert unique == keep_one_per_object(mixed, {})
    assert keep_one_per_object(unique, {}) == unique
    assert all(any(entry.task == other.task and entry.box.iou(other.box) >= 0.5 for other in unique)
               or entry.box.area == 0 for entry in members)  # fmt: skip


@pytest.mark.parametrize(
    ("tasks", "is_shown"),
    [(range(4), False), (range(2, 6), False), (range(3, 9), True), (range(10, 14), True)],
    ids=["same", "half", "less", "none"],
)
def test_a_cluster_of_which_half_was_dismissed_is_not_shown(tasks, is_shown):
    before = ClusterMembers(open={}, dismissed={"gone": members(range(4))}, promoted={})

    tracked = track([cluster("new", tasks, left=0.12)], before)

    assert ids(tracked.shown) == (["new"] if is_shown else [])
    assert {task for task in tasks if task >= 4} == {
        entry.task for entry in tracked.dismissed.get("gone", ())
    } or is_shown


def test_two_dismissed_clusters_that_became_one_stay_away():
    before = ClusterMembers({}, {"a": members(range(3)), "b": members(range(3, 7))}, {})

    tracked = track([cluster("new", range(8))], before)

    assert tracked.shown == ()
    assert [entry.task for entry in tracked.dismissed["b"]] == [7]


def test_what_was_promoted_is_not_shown_again():
    before = ClusterMembers({}, {}, {"car": members(range(4))})

    assert track([cluster("new", range(4))], before).shown == ()


def test_a_cluster_keeps_its_id_while_it_is_mostly_the_same():
    before = ClusterMembers({"old": members(range(4)), "other": members(range(20, 24))}, {}, {})

    tracked = track([cluster("grown", range(6)), cluster("new", range(10, 14)), cluster("part", [20])], before)

    assert ids(tracked.shown) == ["old", "new", "part"]


def test_two_halves_of_a_cluster_do_not_both_keep_its_id():
    before = ClusterMembers({"old": members(range(4))}, {}, {})

    tracked = track([cluster("one", [0, 1]), cluster("two", [2, 3])], before)

    assert ids(tracked.shown) == ["old", "two"]


def test_a_task_with_another_image_shows_something_else():
    before = ClusterMembers({}, {"gone": [member(1, image="/a.jpg")]}, {})
    new = UnknownCluster("new", (member(1, image="/b.jpg"),), (), None, 1.0, HINT)

    assert ids(track([new], before).shown) == ["new"]


def means(*kinds):
    rng = np.random.default_rng(0)
    eye = np.eye(8, dtype=np.float32)
    return {task: eye[kind] + 0.05 * rng.random(8, np.float32) for task, kind in enumerate(kinds)}


def test_tasks_that_show_like_things_are_a_group():
    kinds = [0] * 6 + [1] * 6 + [2] * 6

    groups = group_tasks(means(*kinds))

    assert groups == group_tasks(means(*kinds))
    assert len({(kind, groups[task]) for task, kind in enumerate(kinds)}) == 3
    assert min(groups.values()) == 1


def test_there_are_no_more_groups_than_make_sense():
    rng = np.random.default_rng(0)

    assert group_tasks({}) == {}
    assert group_tasks(means(0)) == {0: 1}
    assert set(group_tasks(dict.fromkeys(range(5), np.ones(4, np.float32)))) == set(range(5))
    many = group_tasks({task: rng.random(4, np.float32) for task in range(6000)})
    assert len(set(many.values())) == MOST


def test_groups_keep_their_numbers_from_one_grouping_to_the_next():
    before = {1: 5, 2: 5, 3: 7, 4: 7, 5: 0}

    groups = keep_numbers({1: 2, 2: 2, 3: 1, 4: 1, 5: 3, 6: 1}, before)

    assert groups == {1: 5, 2: 5, 3: 7, 4: 7, 5: 8, 6: 7}


def test_a_group_that_fell_apart_leaves_its_number_to_one_part():
    assert sorted(set(keep_numbers({1: 1, 2: 1, 3: 2}, {1: 4, 2: 4, 3: 4}).values())) == [4, 5]


def around(count, *, centre=None, seed=0, spread=0.7):
    """Vectors around one centre, or around none."""
    rng = np.random.default_rng(seed)
    middle = np.zeros(64) if centre is None else np.random.default_rng(1000 + centre).normal(size=64) / 8
    return (middle + spread * rng.normal(size=(count, 64)) / 8).astype(np.float32)


KNOWN = np.concatenate([around(30, centre=one, seed=one, spread=0.5) for one in range(4)])[::-1]


def test_one_category_alone_is_a_cluster_beside_what_is_known():
    new = around(40, centre=9, seed=9)

    result = cluster_beside(new, KNOWN)

    assert clustering.cluster(new, references=KNOWN).clusters == ()  # without it there is nothing to be apart from
    (group,) = result.clusters
    assert group.size >= 36
    assert group.medoid in group.members
    assert set(result.labels[group.members]) == {0}


def test_what_is_scattered_or_like_what_is_known_is_no_cluster_beside_it():
    assert cluster_beside(around(6, centre=2, seed=7, spread=0.5), KNOWN).clusters == ()
    for seed in range(4):
        assert cluster_beside(around(30, seed=seed), KNOWN).clusters == ()
    assert cluster_beside(around(2, centre=9), KNOWN).clusters == ()
