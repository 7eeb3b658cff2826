"""Detections are matched once, after they have a vector, whatever happens on the way."""

from dataclasses import replace

import pytest

from loop.errors import PayloadError
from loop.jobs import _index
from loop.references.entries import CollectionKind
from loop.references.index import index
from loop.references.plan import find_source
from loop.references.vector_store import VectorState
from loop.taxonomy import manage
from loop.taxonomy.match import is_due, match_detections
from loop.taxonomy.reapply import dry_run
from loop.taxonomy.taxonomy import Taxonomy
from tests.builders import region
from tests.fakes import Killed
from tests.gate.builders import add
from tests.references.builders import LEFT, predicted, reviewed
from tests.taxonomy.builders import TREE, matching, nodes, placed, with_references


@pytest.fixture
def rooms(rooms):
    return matching(rooms)


def test_detections_are_matched_to_the_nodes_of_the_nearest_references(rooms):
    with_references(rooms)
    manage.apply(rooms.taxonomies, 1, TREE, "test")

    assert "6 detections matched" in match_detections(rooms.taxonomies, 1)

    assert nodes(rooms, 1, 2) == {"1l": "car", "1r": "person", "b2l": "car", "b2r": "person"}
    assert placed(rooms)["b2l"] == "car"
    assert placed(rooms, CollectionKind.REFERENCES) == {"1l": "car", "1r": "person"}


@pytest.mark.parametrize("label", ["Car", "Auto"])
def test_after_a_renaming_old_references_still_vote_for_the_node_of_the_class(rooms, label):
    with_references(rooms)
    renamed = [replace(node, labels=(label,)) if "Car" in node.labels else node for node in TREE.nodes]
    manage.apply(rooms.taxonomies, 1, Taxonomy(tuple(renamed)), "test")
    rooms.studio.classes.rename(1, "Car", "Auto")

    match_detections(rooms.taxonomies, 1)

    assert nodes(rooms, 1, 2) == {"1l": "car", "1r": "person", "b2l": "car", "b2r": "person"}
    assert placed(rooms, CollectionKind.REFERENCES) == {"1l": "car", "1r": "person"}


def test_a_second_run_matches_nothing(rooms):
    with_references(rooms)
    manage.apply(rooms.taxonomies, 1, TREE, "test")
    match_detections(rooms.taxonomies, 1)

    assert "0 detections matched" in match_detections(rooms.taxonomies, 1)
    assert not is_due(rooms.taxonomies, rooms.studio.projects.get(1))


def test_without_references_all_are_unknown(rooms):
    predicted(rooms)
    index(rooms.references, 1)
    manage.apply(rooms.taxonomies, 1, TREE, "test")

    match_detections(rooms.taxonomies, 1)

    assert nodes(rooms, 1) == {"1l": None, "1r": None}
    assert dry_run(rooms.taxonomies, 1).plan.changes == ()


def test_one_reference_alone_matches_what_looks_like_it(rooms):
    predicted(rooms)
    reviewed(rooms, region("1l", "Car", LEFT))
    index(rooms.references, 1)
    manage.apply(rooms.taxonomies, 1, TREE, "test")

    match_detections(rooms.taxonomies, 1)

    assert nodes(rooms, 1)["1l"] == "car"


def test_without_a_taxonomy_nothing_is_matched_and_nothing_is_due(rooms):
    with_references(rooms)

    assert "no taxonomy" in match_detections(rooms.taxonomies, 1)
    assert not is_due(rooms.taxonomies, rooms.studio.projects.get(1))
    with pytest.raises(PayloadError, match="loop taxonomy apply"):
        dry_run(rooms.taxonomies, 1)


def test_new_vectors_are_due_only_when_nothing_has_come_for_a_while(rooms, monkeypatch):
    from datetime import timedelta

    from loop.taxonomy import match as matching

    with_references(rooms)
    manage.apply(rooms.taxonomies, 1, TREE, "test")

    assert not is_due(rooms.taxonomies, rooms.studio.projects.get(1))
    monkeypatch.setattr(matching, "QUIET", timedelta(0))
    assert is_due(rooms.taxonomies, rooms.studio.projects.get(1))


def test_killed_at_any_call_it_ends_in_the_same_state(rooms):
    with_references(rooms)
    manage.apply(rooms.taxonomies, 1, TREE, "test")
    kills = 0
    for calls in range(10):
        rooms.references.milvus.calls_left = calls
        try:
            match_detections(rooms.taxonomies, 1)
            break
        except Killed:
            kills += 1
    rooms.references.milvus.calls_left = None
    assert kills > 1
    match_detections(rooms.taxonomies, 1)

    assert nodes(rooms, 1, 2) == {"1l": "car", "1r": "person", "b2l": "car", "b2r": "person"}
    assert placed(rooms)["b2r"] == "person"


def test_milvus_down_leaves_it_due(rooms):
    with_references(rooms)
    manage.apply(rooms.taxonomies, 1, TREE, "test")
    rooms.references.milvus.is_down = True
    assert "did not answer" in match_detections(rooms.taxonomies, 1)

    rooms.references.milvus.is_down = False
    assert "6 detections matched" in match_detections(rooms.taxonomies, 1)


def test_what_milvus_lost_is_made_again_and_matched_then(rooms):
    with_references(rooms)
    manage.apply(rooms.taxonomies, 1, TREE, "test")
    space = find_source(rooms.references, 1).space
    collection = rooms.references.milvus.find(1, CollectionKind.DETECTIONS, space)
    lost = next(iter(collection.rows))
    del collection.rows[lost]

    assert "5 detections matched" in match_detections(rooms.taxonomies, 1)
    assert lost in rooms.references.vectors.keys(1, space, CollectionKind.DETECTIONS, VectorState.DUE)
    index(rooms.references, 1)
    assert "1 detections matched" in match_detections(rooms.taxonomies, 1)


def test_after_a_rollback_the_matches_are_those_of_the_version_that_serves(rooms, tmp_path):
    version = add(rooms, tmp_path, b"any")
    rooms.registry.versions.promote(1, version.name, "test")
    assert version.name == "yolo_detector@1.0.0"
    with_references(rooms)
    manage.apply(rooms.taxonomies, 1, TREE, "test")
    match_detections(rooms.taxonomies, 1)
    predicted(rooms, 2, tag="newer", image="/data/upload/1/b.jpg", version="yolo_detector@1.1.0", minutes=0)

    assert nodes(rooms, 2) == {"b2l": "car", "b2r": "person"}


def test_the_matches_of_an_embedder_go_with_its_collections(rooms):
    with_references(rooms)
    manage.apply(rooms.taxonomies, 1, TREE, "test")
    match_detections(rooms.taxonomies, 1)
    first = find_source(rooms.references, 1).space
    keys = rooms.references.vectors.keys(1, first, CollectionKind.DETECTIONS)

    def count_matches_after(fingerprint):
        rooms.vision.embedders.fingerprint = fingerprint
        _index(index, 1, rooms)
        return len(rooms.taxonomies.matches.of_keys(1, first, keys))

    assert count_matches_after("2" * 64) == len(keys) == 6  # they stay, to go back to
    assert count_matches_after("3" * 64) == 0
    assert rooms.references.vectors.keys(1, first, CollectionKind.DETECTIONS) == set()
