"""Detections are matched once, everything stored is matched anew on request, and that can be taken back."""

import threading
import time
from dataclasses import replace

import pytest

from loop.adapters.vector_log import State
from loop.decisions.embedding import Kind
from loop.decisions.taxonomy import Enrichment, Node, Taxonomy
from loop.errors import PayloadError, StalePlan, UnknownProject
from loop.use_cases import categorise
from loop.use_cases.index import index
from loop.use_cases.lineage import of_region
from loop.use_cases.match import is_due, match, of_tasks
from loop.use_cases.match_now import MatchNow
from loop.use_cases.plan_vectors import source_of
from loop.use_cases.reapply import dry_run, reapply, undo
from tests.builders import CONFIG
from tests.fake_vectors import FakeEmbedders, FakeReferences, Killed
from tests.fakes import FakeImages, FakeLabelStudio
from tests.test_index import BELOW, LEFT, RIGHT, predicted, region, reviewed

TREE = Taxonomy(
    (
        Node("thing"),
        Node("car", parent="thing", labels=("Car",), enrichment={"wheels": Enrichment("4")}),
        Node("person", parent="thing", labels=("Person",)),
    )
)


@pytest.fixture
def parts(parts):
    found = replace(
        parts,
        embedders=FakeEmbedders(),
        references=FakeReferences(),
        label_studio=FakeLabelStudio([]),
        images=FakeImages(),
    )
    found.projects.save(1, "Cars", CONFIG)
    return found


def with_references(parts):
    """Task 1 was reviewed as predicted; task 2 shows the same places, of which one has the other label."""
    predicted(parts, 1)
    reviewed(parts, region("1l", "Car", LEFT), region("1r", "Person", RIGHT))
    predicted(parts, 2, tag="b", image="/data/upload/1/b.jpg")
    index(parts, 1)


def nodes(parts, *tasks):
    source = source_of(parts, 1)
    found = of_tasks(parts, 1, source.space, tasks)
    return {region_id: one.node for some in found.values() for region_id, one in some.items()}


def placed(parts, kind=Kind.DETECTIONS):
    found = parts.references.find(1, kind, source_of(parts, 1).space)
    return {entry.region: entry.node for entry, _ in found.rows.values()}


def test_detections_are_matched_to_the_nodes_of_the_nearest_references(parts):
    with_references(parts)
    categorise.apply(parts, 1, TREE, "test")

    assert "6 detections matched" in match(parts, 1)

    assert nodes(parts, 1, 2) == {"1l": "car", "1r": "person", "b2l": "car", "b2r": "person"}
    assert placed(parts)["b2l"] == "car"
    assert placed(parts, Kind.REFERENCES) == {"1l": "car", "1r": "person"}


def test_a_second_run_matches_nothing(parts):
    with_references(parts)
    categorise.apply(parts, 1, TREE, "test")
    match(parts, 1)

    assert "0 detections matched" in match(parts, 1)
    assert not is_due(parts, parts.projects.get(1))


def test_without_references_all_are_unknown(parts):
    predicted(parts)
    index(parts, 1)
    categorise.apply(parts, 1, TREE, "test")

    match(parts, 1)

    assert nodes(parts, 1) == {"1l": None, "1r": None}
    assert dry_run(parts, 1).plan.changes == ()


def test_one_reference_alone_matches_what_looks_like_it(parts):
    predicted(parts)
    reviewed(parts, region("1l", "Car", LEFT))
    index(parts, 1)
    categorise.apply(parts, 1, TREE, "test")

    match(parts, 1)

    assert nodes(parts, 1)["1l"] == "car"


def test_without_a_taxonomy_nothing_is_matched_and_nothing_is_due(parts):
    with_references(parts)

    assert "no taxonomy" in match(parts, 1)
    assert not is_due(parts, parts.projects.get(1))
    with pytest.raises(PayloadError, match="loop taxonomy apply"):
        dry_run(parts, 1)


def test_new_vectors_are_due_only_when_nothing_has_come_for_a_while(parts, monkeypatch):
    from datetime import timedelta

    from loop.use_cases import match as matching

    with_references(parts)
    categorise.apply(parts, 1, TREE, "test")

    assert not is_due(parts, parts.projects.get(1))
    monkeypatch.setattr(matching, "QUIET", timedelta(0))
    assert is_due(parts, parts.projects.get(1))


def test_killed_at_any_call_it_ends_in_the_same_state(parts):
    with_references(parts)
    categorise.apply(parts, 1, TREE, "test")
    kills = 0
    for calls in range(10):
        parts.references.calls_left = calls
        try:
            match(parts, 1)
            break
        except Killed:
            kills += 1
    parts.references.calls_left = None
    assert kills > 1
    match(parts, 1)

    assert nodes(parts, 1, 2) == {"1l": "car", "1r": "person", "b2l": "car", "b2r": "person"}
    assert placed(parts)["b2r"] == "person"


def test_milvus_down_leaves_it_due(parts):
    with_references(parts)
    categorise.apply(parts, 1, TREE, "test")
    parts.references.is_down = True
    assert "did not answer" in match(parts, 1)

    parts.references.is_down = False
    assert "6 detections matched" in match(parts, 1)


def test_what_milvus_lost_is_made_again_and_matched_then(parts):
    with_references(parts)
    categorise.apply(parts, 1, TREE, "test")
    space = source_of(parts, 1).space
    collection = parts.references.find(1, Kind.DETECTIONS, space)
    lost = next(iter(collection.rows))
    del collection.rows[lost]

    assert "5 detections matched" in match(parts, 1)
    assert lost in parts.vectors.keys(1, space, Kind.DETECTIONS, State.DUE)
    index(parts, 1)
    assert "1 detections matched" in match(parts, 1)


def everything(parts):
    return parts.matches.all(1, source_of(parts, 1).space)


def improved(parts):
    """Matched without references, which come later."""
    predicted(parts)
    index(parts, 1)
    categorise.apply(parts, 1, TREE, "test")
    match(parts, 1)
    before = everything(parts)
    reviewed(parts, region("1l", "Car", LEFT), region("1r", "Person", RIGHT), region("drawn", "Car", BELOW))
    index(parts, 1)
    return before


def test_a_dry_run_says_what_would_change_and_changes_nothing(parts):
    before = improved(parts)

    found = dry_run(parts, 1)

    assert found.plan.summary() == {(None, "car"): 2, (None, "person"): 1}
    assert everything(parts) == before


def test_the_token_of_a_dry_run_applies_it_and_a_second_time_changes_nothing(parts):
    improved(parts)
    token = dry_run(parts, 1).plan.token

    assert "3 matches changed" in reapply(parts, 1, token)
    after = everything(parts)
    assert nodes(parts, 1) == {"1l": "car", "1r": "person"}
    assert placed(parts)["1c"] == "car"

    assert reapply(parts, 1, token) == "nothing to change"
    assert everything(parts) == after
    assert dry_run(parts, 1).plan.changes == ()


def test_undo_restores_the_state_exactly(parts):
    before = improved(parts)
    reapply(parts, 1, dry_run(parts, 1).plan.token)

    undo(parts, 1)

    assert everything(parts) == before
    assert set(placed(parts).values()) == {""}
    with pytest.raises(PayloadError, match="not taken back"):
        undo(parts, 1)


def test_another_token_is_refused(parts):
    before = improved(parts)
    token = dry_run(parts, 1).plan.token
    categorise.apply(parts, 1, Taxonomy((Node("vehicle", labels=("Car",)),)), "another tree")

    with pytest.raises(StalePlan, match="plan again"):
        reapply(parts, 1, token)
    assert everything(parts) == before


def test_a_taxonomy_is_applied_once(parts):
    assert "is in force" in categorise.apply(parts, 1, TREE, "first")
    assert "already" in categorise.apply(parts, 1, TREE, "again")
    with pytest.raises(UnknownProject):
        categorise.apply(parts, 2, TREE, "another project")

    categorise.apply(parts, 1, Taxonomy(), "empty")

    assert [(one.number, one.why) for one in parts.taxonomies.all(1)] == [(2, "empty"), (1, "first")]
    assert parts.taxonomies.all(1)[1].taxonomy == TREE


def test_a_trial_stores_nothing(parts):
    with_references(parts)

    found = categorise.trial(parts, 1, TREE, tasks=1)

    assert {one.after.node for one in found} <= {"car", "person", None}
    assert len({one.entry.task for one in found}) == 1
    assert everything(parts) == {}
    assert parts.taxonomies.current(1) is None


def test_calibration_leaves_a_reference_and_its_task_out(parts):
    with_references(parts)
    categorise.apply(parts, 1, TREE, "test")

    taxonomy, rows = categorise.calibrated(parts, 1)

    assert [(row.node, row.references) for row in rows] == [("thing", 2), ("car", 1), ("person", 1)]
    assert all(row.coverage is None for row in rows)  # both references are of one task: nobody is left to ask
    assert taxonomy.by_id["car"].threshold == rows[1].threshold


def test_lineage_shows_the_references_that_voted(parts):
    with_references(parts)
    categorise.apply(parts, 1, TREE, "test")
    match(parts, 1)

    (found,) = of_region(parts, 1, "b2l").matched

    assert (found.node, found.task) == ("car", 2)
    assert found.voters[0].label == "Car"
    assert (found.voters[0].task, found.voters[0].region) == (1, "1l")


def suggestion(parts, task=2, tag="b"):
    from loop.decisions.predict import Suggestion

    shown = (region(f"{tag}{task}l", "Car", LEFT, 0.9), region(f"{tag}{task}r", "Person", RIGHT, 0.6))
    return Suggestion(task, "yolo_detector@1.0.0", shown, (), 0.25, 0.5, f"/data/upload/1/{tag}.jpg", (64, 64))


def test_a_request_takes_what_is_known_and_computes_the_rest(parts):
    with_references(parts)
    categorise.apply(parts, 1, TREE, "test")
    match(parts, 1)
    now = MatchNow(parts, 5.0)
    shown = len(parts.embedders.shown)

    found = now(1, CONFIG, [suggestion(parts), suggestion(parts, 3, "c")])

    assert {name: one.node for some in found.values() for name, one in some.matches.items()} == {
        "b2l": "car", "b2r": "person", "c3l": "car", "c3r": "person",
    }  # fmt: skip
    assert len(parts.embedders.shown) == shown + 2


def test_a_request_over_its_budget_goes_out_without(parts, monkeypatch):
    with_references(parts)
    categorise.apply(parts, 1, TREE, "test")
    slow, ended = threading.Event(), threading.Event()
    embed = parts.embedders.embed

    def wait(images, boxes):
        slow.wait(20)
        found = embed(images, boxes)
        ended.set()
        return found

    monkeypatch.setattr(parts.embedders, "embed", wait)
    now = MatchNow(parts, 0.2)

    began = time.monotonic()
    assert now(1, CONFIG, [suggestion(parts)]) == {}
    assert now(1, CONFIG, [suggestion(parts)]) == {}  # the first is still at it
    assert time.monotonic() - began < 5

    slow.set()
    assert ended.wait(10)


def test_a_request_while_milvus_is_down_warns_once_and_recovers(parts, caplog):
    with_references(parts)
    categorise.apply(parts, 1, TREE, "test")
    now = MatchNow(parts, 5.0)
    parts.references.is_down = True

    assert now(1, CONFIG, [suggestion(parts)]) == {}
    assert now(1, CONFIG, [suggestion(parts)]) == {}
    assert sum("without matches" in one.message for one in caplog.records) == 1

    parts.references.is_down = False
    assert now(1, CONFIG, [suggestion(parts)])[2].matches["b2l"].node == "car"
