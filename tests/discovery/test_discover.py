"""Clusters of what nothing has a name for, from one discovery to the next."""

import pytest

from loop.discovery.cluster_policy import ClusterPolicy, Method
from loop.discovery.cluster_record import ClusterState
from loop.discovery.decide import dismiss
from loop.discovery.discover import discover
from loop.references.index import index
from loop.references.plan import find_source
from loop.reviews.judging import judge_tasks
from loop.taxonomy.taxonomy import Node, Taxonomy
from loop.taxonomy.voting import Match
from tests.builders import CONFIG, region, review
from tests.discovery.builders import (
    INSECTS,
    POLICY,
    TOOLS,
    at,
    clusters_in,
    looking,
    predicted,
    reviewed,
    states,
    tasks_of,
    unknown_members,
    unknown_tasks,
)
from tests.fakes import FakeImages
from tests.references.fakes import FakeReferences
from tests.swap import swap


@pytest.fixture
def rooms(rooms):
    return looking(rooms)


def discovered(rooms):
    """The insects and the tools, as a discovery finds them."""
    discover(rooms.discovery, 1, POLICY)
    insects, tools = clusters_in(rooms)
    return insects, tools


def test_what_nothing_has_a_name_for_becomes_clusters(rooms):
    line = discover(rooms.discovery, 1, POLICY)

    assert line.startswith("2 clusters of 18 among 18 unknown boxes"), line
    insects, tools = clusters_in(rooms)
    assert (tasks_of(insects), tasks_of(tools)) == (INSECTS, TOOLS)
    hint = insects.hint
    assert (hint.name, hint.agreement, hint.nearest) == ("Person", 1.0, "car")
    assert not set(insects.likely) & set(insects.members)
    sheets = {f"cluster-{cluster.id}.jpg" for cluster in (insects, tools)}
    assert {path.name for path in rooms.discovery.pictures.path(1).iterdir()} == {*sheets, "map.png", "map.json"}


def test_one_category_that_is_all_there_is_of_the_unknown_is_found(rooms):
    tools = {member.key: Match("car", 0.9) for member in unknown_members(rooms) if member.task > 20}
    rooms.taxonomies.matches.add(1, find_source(rooms.references, 1).space, tools)

    line = discover(rooms.discovery, 1, POLICY)

    assert line.startswith("1 clusters of 10 among 10 unknown boxes"), line
    (insects,) = clusters_in(rooms)
    assert tasks_of(insects) == INSECTS


def test_nothing_is_embedded_for_it(rooms):
    before = len(rooms.vision.embedders.shown)

    discover(rooms.discovery, 1, POLICY)

    assert len(rooms.vision.embedders.shown) == before


def test_the_same_again_gives_the_same_clusters(rooms):
    before = discovered(rooms)

    assert discovered(rooms) == before
    assert states(rooms) == {"open": 2}


def test_what_matches_a_node_is_no_unknown(rooms):
    space = find_source(rooms.references, 1).space
    keys = {member.task: member.key for member in unknown_members(rooms)}
    rooms.taxonomies.matches.add(1, space, {keys[11]: Match("car", 0.9), keys[12]: Match(None, 0.1)})

    assert unknown_tasks(rooms) == list(range(12, 29))


def test_what_a_reviewer_kept_is_known_and_what_looks_like_it_now(rooms):
    reviewed(rooms, 13, ("Person", at("insect", 13)))
    index(rooms.references, 1)

    line = discover(rooms.discovery, 1, POLICY)

    assert "among 8 unknown boxes, 9 match a node now" in line
    assert unknown_tasks(rooms) == TOOLS


def test_a_box_that_a_reviewer_deleted_may_be_of_something_without_a_label(rooms):
    reviewed(rooms, 21)
    index(rooms.references, 1)

    assert 21 in unknown_tasks(rooms)


def test_what_a_reviewer_moved_is_known_where_it_was_too(rooms):
    moved = region("13-0", "Person", at("insect", 13, 0.15))
    predicted(rooms, 13, ("Person", at("insect", 13), 0.9), minutes=-5)
    rooms.reviews.store.record(review(moved, annotation=13, task=13, edited=5), {"image": "/13.jpg"})
    judge_tasks(rooms.reviews, 1, [13])
    rooms.taxonomies.store.apply(1, Taxonomy((Node("cars", labels=("Car",)),)), "")  # nothing matches a person
    index(rooms.references, 1)

    assert 13 not in unknown_tasks(rooms)


def test_one_object_counts_once_by_its_surest_box_or_as_a_person_drew_it(rooms):
    predicted(rooms, 40, ("Car", at("insect", 40), 0.2), ("Person", at("insect", 40, 0.01), 0.4))
    rooms.taxonomies.store.apply(1, Taxonomy((Node("people", labels=("Person",)),)), "")  # nothing matches a car
    predicted(rooms, 41, ("Car", at("insect", 41), 0.1))
    reviewed(rooms, 41, ("Car", at("insect", 41, 0.02)))
    index(rooms.references, 1)

    members = [member for member in unknown_members(rooms) if member.task >= 40]

    assert [(member.task, member.label, member.score) for member in members] == [(41, "Car", 0.0), (40, "Person", 0.4)]


def test_a_drawn_box_whose_label_is_in_no_node_is_unknown(rooms):
    rooms.taxonomies.store.apply(1, Taxonomy((Node("cars", labels=("Car",)),)), "")
    reviewed(rooms, 40, ("Person", at("insect", 40)), ("Car", at("car", 40)))
    index(rooms.references, 1)

    members = [member for member in unknown_members(rooms) if member.task == 40]

    assert [(member.label, member.box) for member in members] == [("Person", at("insect", 40))]


def test_with_too_little_or_nothing_to_embed_with_or_milvus_down_a_line_says_so(rooms, tmp_path):
    discover(rooms.discovery, 1, POLICY)
    down = swap(rooms, (rooms.references.milvus, FakeReferences()))
    down.references.milvus.is_down = True
    off = swap(rooms, (rooms.vision.embedders, type("None", (), {"space": lambda *_: None, "is_off": True})()))

    assert "did not answer" in discover(down.discovery, 1, POLICY)
    assert "nothing to embed with" in discover(off.discovery, 1, POLICY)
    assert len(clusters_in(rooms)) == 2  # what cannot look leaves what was found alone
    rooms.studio.projects.save(2, "Others", CONFIG)
    assert discover(rooms.discovery, 2, POLICY) == "0 unknown boxes are too few for a cluster"
    assert len(clusters_in(rooms)) == 2


def test_clusters_whose_boxes_have_a_name_by_now_go_with_their_sheets(rooms):
    insects, _ = discovered(rooms)
    for task in (*INSECTS, *TOOLS):
        reviewed(rooms, task, ("Person", at("insect", task)), ("Car", at("tool", task)))
    index(rooms.references, 1)

    line = discover(rooms.discovery, 1, POLICY)

    assert "too few" in line
    assert clusters_in(rooms) == []
    assert not rooms.discovery.pictures.sheet_path(1, insects.id).exists()


def test_an_image_that_is_gone_costs_only_itself(rooms):
    line = discover(swap(rooms, (rooms.vision.images, FakeImages(broken=[11, 21]))).discovery, 1, POLICY)

    assert "2 images could not be read" in line
    assert [cluster.size for cluster in clusters_in(rooms)] == [10, 8]


def test_k_means_puts_everything_in_as_many_clusters_as_asked_for(rooms):
    discover(rooms.discovery, 1, ClusterPolicy(method=Method.KMEANS, clusters=3, resamples=0))

    assert sum(cluster.size for cluster in clusters_in(rooms)) == 18
    assert len(clusters_in(rooms)) == 3


def test_new_clusters_are_announced_once(rooms):
    rooms = swap(rooms, (rooms.outbox, type(rooms.outbox)(rooms.engine, ["http://receiver.example"])))

    _, tools = discovered(rooms)
    dismiss(rooms.discovery, 1, tools.id)
    discover(rooms.discovery, 1, POLICY)

    (posted,) = rooms.outbox.last()
    assert posted.notice.kind == "clusters.found"
    assert [cluster["size"] for cluster in posted.notice.data["clusters"]] == [10, 8]


def test_a_cluster_that_grew_keeps_its_id(rooms):
    insects, _ = discovered(rooms)
    for task in range(30, 34):
        predicted(rooms, task, ("Person", at("insect", task), 0.1))
    index(rooms.references, 1)

    grown, _ = discovered(rooms)

    assert (grown.id, grown.size) == (insects.id, 14)


def test_a_dismissed_cluster_does_not_come_back(rooms):
    insects, _ = discovered(rooms)
    assert "does not come back" in dismiss(rooms.discovery, 1, insects.id[:4])
    for task in range(30, 34):
        predicted(rooms, task, ("Person", at("insect", task), 0.1))
    index(rooms.references, 1)

    line = discover(rooms.discovery, 1, POLICY)

    assert "1 dismissed clusters left out" in line
    assert [tasks_of(cluster) for cluster in clusters_in(rooms)] == [TOOLS]
    (gone,) = clusters_in(rooms, ClusterState.DISMISSED)
    assert tasks_of(gone) == [*INSECTS, *range(30, 34)]  # it grew


def test_a_dismissed_cluster_stays_away_when_another_version_moves_its_boxes_and_another_embedder_sees_them(rooms):
    insects, _ = discovered(rooms)
    dismiss(rooms.discovery, 1, insects.id)
    for task in INSECTS:
        moved = at("insect", task, 0.03)
        predicted(rooms, task, ("Car", moved, 0.3), version="yolo_detector@1.1.0", minutes=30)
    rooms.vision.embedders.fingerprint = "2" * 64
    index(rooms.references, 1)

    discover(rooms.discovery, 1, POLICY)

    assert [tasks_of(cluster) for cluster in clusters_in(rooms)] == [TOOLS]
