"""Clusters of what nothing has a name for, from one discovery to the next."""

from dataclasses import replace

import pytest

from loop.discovery.cluster_store import ClusterState
from loop.discovery.clustering import ClusterPolicy, Method
from loop.discovery.decide import dismiss
from loop.discovery.discover import discover
from loop.discovery.gather import gather
from loop.references.index import index
from loop.references.plan import source_of
from loop.reviews.judging import judge_tasks
from loop.taxonomy.matching import Match
from loop.taxonomy.taxonomy import Node, Taxonomy
from tests.builders import CONFIG, region, review
from tests.discovery.builders import (
    INSECTS,
    POLICY,
    TOOLS,
    at,
    found,
    looking,
    predicted,
    reviewed,
    states,
    tasks_of,
    unknown_tasks,
)
from tests.fakes import FakeImages
from tests.references.fakes import FakeReferences


@pytest.fixture
def parts(parts):
    return looking(parts)


def discovered(parts):
    """The insects and the tools, as a discovery finds them."""
    discover(parts, 1, POLICY)
    insects, tools = found(parts)
    return insects, tools


def test_what_nothing_has_a_name_for_becomes_clusters(parts):
    line = discover(parts, 1, POLICY)

    assert line.startswith("2 clusters of 18 among 18 unknown boxes"), line
    insects, tools = found(parts)
    assert (tasks_of(insects), tasks_of(tools)) == (INSECTS, TOOLS)
    hint = insects.suggestion
    assert (hint.name, hint.agreement, hint.nearest) == ("Person", 1.0, "car")
    assert not set(insects.likely) & set(insects.members)
    sheets = {f"cluster-{one.id}.jpg" for one in (insects, tools)}
    assert {path.name for path in parts.discoveries.path(1).iterdir()} == {*sheets, "map.png", "map.html"}


def test_one_category_that_is_all_there_is_of_the_unknown_is_found(parts):
    tools = {one.key: Match("car", 0.9) for one in gather(parts, 1, source_of(parts, 1).space).members if one.task > 20}
    parts.matches.add(1, source_of(parts, 1).space, tools)

    line = discover(parts, 1, POLICY)

    assert line.startswith("1 clusters of 10 among 10 unknown boxes"), line
    (insects,) = found(parts)
    assert tasks_of(insects) == INSECTS


def test_nothing_is_embedded_for_it(parts):
    before = len(parts.embedders.shown)

    discover(parts, 1, POLICY)

    assert len(parts.embedders.shown) == before


def test_the_same_again_gives_the_same_clusters(parts):
    before = discovered(parts)

    assert discovered(parts) == before
    assert states(parts) == {"open": 2}


def test_what_matches_a_node_is_no_unknown(parts):
    space = source_of(parts, 1).space
    keys = {one.task: one.key for one in gather(parts, 1, space).members}
    parts.matches.add(1, space, {keys[11]: Match("car", 0.9), keys[12]: Match(None, 0.1)})

    assert unknown_tasks(parts) == list(range(12, 29))


def test_what_a_reviewer_kept_is_known_and_what_looks_like_it_now(parts):
    reviewed(parts, 13, ("Person", at("insect", 13)))
    index(parts, 1)

    line = discover(parts, 1, POLICY)

    assert "among 8 unknown boxes, 9 match a node by now" in line
    assert unknown_tasks(parts) == TOOLS


def test_a_box_that_a_reviewer_deleted_may_be_of_something_without_a_label(parts):
    reviewed(parts, 21)
    index(parts, 1)

    assert 21 in unknown_tasks(parts)


def test_what_a_reviewer_moved_is_known_where_it_was_too(parts):
    moved = region("13-0", "Person", at("insect", 13, 0.15))
    predicted(parts, 13, ("Person", at("insect", 13), 0.9), minutes=-5)
    parts.reviews.record(review(moved, annotation=13, task=13, edited=5), {"image": "/13.jpg"})
    judge_tasks(parts, 1, [13])
    parts.taxonomies.apply(1, Taxonomy((Node("cars", labels=("Car",)),)), "")  # nothing matches a person
    index(parts, 1)

    assert 13 not in unknown_tasks(parts)


def test_one_object_counts_once_by_its_surest_box_or_as_a_person_drew_it(parts):
    predicted(parts, 40, ("Car", at("insect", 40), 0.2), ("Person", at("insect", 40, 0.01), 0.4))
    parts.taxonomies.apply(1, Taxonomy((Node("people", labels=("Person",)),)), "")  # nothing matches a car
    predicted(parts, 41, ("Car", at("insect", 41), 0.1))
    reviewed(parts, 41, ("Car", at("insect", 41, 0.02)))
    index(parts, 1)

    members = [one for one in gather(parts, 1, source_of(parts, 1).space).members if one.task >= 40]

    assert [(one.task, one.label, one.score) for one in members] == [(41, "Car", 0.0), (40, "Person", 0.4)]


def test_a_drawn_box_whose_label_is_in_no_node_is_unknown(parts):
    parts.taxonomies.apply(1, Taxonomy((Node("cars", labels=("Car",)),)), "")
    reviewed(parts, 40, ("Person", at("insect", 40)), ("Car", at("car", 40)))
    index(parts, 1)

    members = [one for one in gather(parts, 1, source_of(parts, 1).space).members if one.task == 40]

    assert [(one.label, one.box) for one in members] == [("Person", at("insect", 40))]


def test_with_too_little_or_nothing_to_embed_with_or_milvus_down_a_line_says_so(parts, tmp_path):
    discover(parts, 1, POLICY)
    down = replace(parts, references=FakeReferences())
    down.references.is_down = True
    off = replace(parts, embedders=type("None", (), {"space": lambda *_: None, "is_off": True})())

    assert "did not answer" in discover(down, 1, POLICY)
    assert "nothing to embed with" in discover(off, 1, POLICY)
    assert len(found(parts)) == 2  # what cannot look leaves what was found alone
    parts.projects.save(2, "Others", CONFIG)
    assert discover(parts, 2, POLICY) == "0 unknown boxes are too few for a cluster"
    assert len(found(parts)) == 2


def test_clusters_whose_boxes_have_a_name_by_now_go_with_their_sheets(parts):
    insects, _ = discovered(parts)
    for task in (*INSECTS, *TOOLS):
        reviewed(parts, task, ("Person", at("insect", task)), ("Car", at("tool", task)))
    index(parts, 1)

    line = discover(parts, 1, POLICY)

    assert "too few" in line
    assert found(parts) == []
    assert not parts.discoveries.sheet(1, insects.id).exists()


def test_an_image_that_is_gone_costs_only_itself(parts):
    line = discover(replace(parts, images=FakeImages(broken=[11, 21])), 1, POLICY)

    assert "2 images could not be had" in line
    assert [one.size for one in found(parts)] == [10, 8]


def test_k_means_puts_everything_in_as_many_clusters_as_asked_for(parts):
    discover(parts, 1, ClusterPolicy(method=Method.KMEANS, clusters=3, resamples=0))

    assert sum(one.size for one in found(parts)) == 18
    assert len(found(parts)) == 3


def test_new_clusters_are_told_once(parts):
    parts = replace(parts, outbox=type(parts.outbox)(parts.engine, ["http://receiver.example"]))

    _, tools = discovered(parts)
    dismiss(parts, 1, tools.id)
    discover(parts, 1, POLICY)

    (told,) = parts.outbox.last()
    assert told.notice.kind == "clusters.found"
    assert [one["size"] for one in told.notice.data["clusters"]] == [10, 8]


def test_a_cluster_that_grew_keeps_its_id(parts):
    insects, _ = discovered(parts)
    for task in range(30, 34):
        predicted(parts, task, ("Person", at("insect", task), 0.1))
    index(parts, 1)

    grown, _ = discovered(parts)

    assert (grown.id, grown.size) == (insects.id, 14)


def test_a_dismissed_cluster_does_not_come_back(parts):
    insects, _ = discovered(parts)
    assert "does not come back" in dismiss(parts, 1, insects.id[:4])
    for task in range(30, 34):
        predicted(parts, task, ("Person", at("insect", task), 0.1))
    index(parts, 1)

    line = discover(parts, 1, POLICY)

    assert "1 dismissed ones left out" in line
    assert [tasks_of(one) for one in found(parts)] == [TOOLS]
    (gone,) = found(parts, ClusterState.DISMISSED)
    assert tasks_of(gone) == [*INSECTS, *range(30, 34)]  # it grew


def test_a_dismissed_cluster_stays_away_when_another_version_moves_its_boxes_and_another_embedder_sees_them(parts):
    insects, _ = discovered(parts)
    dismiss(parts, 1, insects.id)
    for task in INSECTS:
        moved = at("insect", task, 0.03)
        predicted(parts, task, ("Car", moved, 0.3), version="yolo_detector@1.1.0", minutes=30)
    parts.embedders.fingerprint = "2" * 64
    index(parts, 1)

    discover(parts, 1, POLICY)

    assert [tasks_of(one) for one in found(parts)] == [TOOLS]
