"""Every detection and every box reviewed gets one vector, whatever happens on the way."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from loop.references import plan as plan_vectors
from loop.references.changed_tasks import TaskStates
from loop.references.entries import Kind
from loop.references.index import build, index, rebuild
from loop.references.vector_store import State, VectorLog
from loop.reviews.judging import judge_tasks
from loop.reviews.review_store import ANNOTATION, TASK
from loop.vision.embedding import Space
from tests.builders import NOON, box, region, served
from tests.fakes import FakeImages, Killed
from tests.references.builders import BELOW, LEFT, predicted, reviewed
from tests.references.fakes import FakeReferences
from tests.vision.fakes import FakeEmbedders


@pytest.fixture
def parts(parts):
    return replace(parts, embedders=FakeEmbedders(), references=FakeReferences())


def entries(parts, kind):
    """What stands in the collection in use, by region."""
    found = parts.references.find(1, kind, parts.embedders.space("", None))
    return {entry.region: entry for entry, _ in found.rows.values()} if found else {}


def said(parts, kind):
    return {name: (entry.label, entry.verdict) for name, entry in entries(parts, kind).items()}


def test_what_is_shown_and_what_is_held_back_get_one_vector_each(parts):
    predicted(parts)

    index(parts, 1)

    assert said(parts, Kind.DETECTIONS) == {"1l": ("Car", ""), "1r": ("Person", ""), "1c": ("Car", "")}
    assert entries(parts, Kind.DETECTIONS)["1c"].score == pytest.approx(0.1)
    assert entries(parts, Kind.REFERENCES) == {}


def test_a_second_run_computes_nothing(parts):
    predicted(parts)
    index(parts, 1)
    shown = len(parts.embedders.shown)

    assert not plan_vectors.is_due(parts, parts.projects.get(1))
    assert "0 vectors made; all there" in index(parts, 1)

    assert len(parts.embedders.shown) == shown == 3


def test_a_review_makes_references_and_judges_detections(parts):
    predicted(parts)
    index(parts, 1)
    missed = region("drawn", "Person", BELOW)

    reviewed(parts, region("1l", "Person", LEFT), missed)
    index(parts, 1)

    assert said(parts, Kind.REFERENCES) == {"1l": ("Person", "corrected"), "drawn": ("Person", "missed")}
    assert entries(parts, Kind.REFERENCES)["1l"].version == "yolo_detector@1.0.0"
    detections = {"1l": ("Car", "corrected"), "1r": ("Person", "false_positive"), "1c": ("Car", "")}
    assert said(parts, Kind.DETECTIONS) == detections
    assert len(parts.embedders.shown) == 3  # every crop was known: the drawn one is where the candidate was


def test_boxes_of_a_review_without_any_prediction_are_references(parts):
    reviewed(parts, region("drawn", "Person", BELOW))

    index(parts, 1)

    assert said(parts, Kind.REFERENCES) == {"drawn": ("Person", "missed")}


def test_a_deleted_review_takes_its_references_and_verdicts_with_it(parts):
    predicted(parts)
    reviewed(parts, region("1l", "Car", LEFT))
    index(parts, 1)

    parts.reviews.delete(1, ANNOTATION, {1: NOON + timedelta(hours=1)})
    judge_tasks(parts, 1, [1])
    index(parts, 1)

    assert entries(parts, Kind.REFERENCES) == {}
    assert {entry.verdict for entry in entries(parts, Kind.DETECTIONS).values()} == {""}


def test_the_detections_of_a_deleted_task_go(parts):
    predicted(parts, task=1)
    predicted(parts, task=2)
    index(parts, 1)

    parts.reviews.delete(1, TASK, {1: datetime.now(UTC)})
    index(parts, 1)

    assert set(entries(parts, Kind.DETECTIONS)) == {"2l", "2r", "2c"}


def test_a_newer_prediction_replaces_what_nobody_judged(parts):
    predicted(parts, tag="old")
    reviewed(parts, region("old1l", "Car", LEFT))
    one = served(region("new", "Car", box(0.5, 0.5, 0.6, 0.6), 0.9), version="yolo_detector@1.1.0", minutes=30)
    parts.predictions.append([one])

    index(parts, 1)

    assert set(entries(parts, Kind.DETECTIONS)) == {"old1l", "old1r", "new"}
    assert entries(parts, Kind.DETECTIONS)["new"].version == "yolo_detector@1.1.0"


def test_two_tasks_with_one_image_share_what_is_computed(parts):
    predicted(parts, task=1)
    index(parts, 1)

    predicted(parts, task=2)
    index(parts, 1)

    assert len(entries(parts, Kind.DETECTIONS)) == 6
    assert len(parts.embedders.shown) == 3
    rebuild(parts, 1)  # now both in one batch
    assert len(entries(parts, Kind.DETECTIONS)) == 6
    assert len(parts.embedders.shown) == 6


def test_an_image_that_is_gone_costs_only_itself_and_is_tried_again_later(parts):
    parts = replace(parts, images=FakeImages(broken=[2]))
    for task in (1, 2, 3):
        predicted(parts, task=task, image=f"/data/upload/{task}.jpg")

    line = index(parts, 1)

    assert "6 vectors made, 3 without an image" in line
    assert {entry.task for entry in entries(parts, Kind.DETECTIONS).values()} == {1, 3}
    assert not plan_vectors.is_due(parts, parts.projects.get(1))  # not at once
    space = parts.embedders.space("", None)
    broken = parts.vectors.rows(1, space, State.BROKEN)
    assert {row.error for row in broken} == {"/data/upload/2.jpg: HTTP 404"}
    parts.vectors.set(1, space, broken, State.DUE)
    index(replace(parts, images=FakeImages()), 1)
    assert len(entries(parts, Kind.DETECTIONS)) == 9


def test_with_milvus_down_everything_waits_and_comes_by_itself(parts):
    predicted(parts)
    parts.references.is_down = True

    line = index(parts, 1)

    assert "did not answer" in line
    assert parts.embedders.shown == []  # nothing is computed that could not be kept
    assert plan_vectors.is_due(parts, parts.projects.get(1))
    parts.references.is_down = False
    index(parts, 1)
    assert len(entries(parts, Kind.DETECTIONS)) == 3


@pytest.mark.parametrize("calls", range(12))
def test_killed_at_any_change_the_next_run_ends_in_the_same_state(parts, calls):
    predicted(parts, task=1)
    predicted(parts, task=2, image="/data/upload/1/b.jpg")
    reviewed(parts, region("1l", "Person", LEFT), region("drawn", "Person", BELOW))
    index(parts, 1)
    expected = {kind: said(parts, kind) for kind in Kind}
    fresh = replace(parts, embedders=FakeEmbedders("2" * 64), references=FakeReferences())
    fresh.references.calls_left = calls

    try:
        index(fresh, 1)
    except Killed:
        was_killed = True
    else:
        was_killed = False
    fresh.references.calls_left = None
    acknowledged = {key for one in fresh.references.collections.values() for key in one.rows}
    before = len(fresh.embedders.shown)
    index(fresh, 1)

    assert {kind: said(fresh, kind) for kind in Kind} == expected
    assert was_killed == (calls < 5)
    assert len(fresh.embedders.shown) - before == 6 - len(acknowledged)  # what Milvus has is not made again


def test_another_embedder_makes_another_collection_and_going_back_costs_nothing(parts):
    predicted(parts)
    index(parts, 1)
    first = parts.embedders.fingerprint

    parts.embedders.fingerprint = "2" * 64
    index(parts, 1)

    old, new = (parts.references.find(1, Kind.DETECTIONS, Space("", name)) for name in (first, "2" * 64))
    assert {one[0] for one in parts.embedders.shown} == {first, "2" * 64}
    assert len(old.rows) == len(new.rows) == 3
    assert not set(old.rows) & set(new.rows)
    assert parts.references.current(1, "detections") is new
    parts.embedders.fingerprint = first
    index(parts, 1)
    assert len(parts.embedders.shown) == 6
    assert parts.references.current(1, "detections") is old


def test_what_milvus_lost_is_made_again(parts):
    predicted(parts)
    index(parts, 1)
    rows = parts.references.find(1, Kind.DETECTIONS, parts.embedders.space("", None)).rows
    lost = next(iter(rows))
    del rows[lost]

    assert "1 that Milvus lost are due again" in index(parts, 1)
    index(parts, 1)

    assert lost in rows


def test_a_build_compares_every_key_and_deletes_what_nobody_wants(parts):
    predicted(parts)
    index(parts, 1)
    rows = parts.references.find(1, Kind.DETECTIONS, parts.embedders.space("", None)).rows
    key = next(iter(rows))
    rows["foreign"] = rows.pop(key)

    build(parts, 1)

    assert len(rows) == 3
    assert "foreign" not in rows
    assert key in rows


def test_a_rebuild_makes_the_same_again(parts):
    predicted(parts)
    reviewed(parts, region("1l", "Car", LEFT))
    index(parts, 1)
    before = {kind: entries(parts, kind) for kind in Kind}

    rebuild(parts, 1)

    assert {kind: entries(parts, kind) for kind in Kind} == before
    assert len(parts.embedders.shown) == 6


def test_the_node_that_the_taxonomy_gave_stays(parts):
    predicted(parts)
    index(parts, 1)
    collection = parts.references.find(1, Kind.DETECTIONS, parts.embedders.space("", None))
    collection.place(dict.fromkeys(collection.rows, "animals"))

    reviewed(parts, region("1l", "Car", LEFT))
    index(parts, 1)

    assert entries(parts, Kind.DETECTIONS)["1l"].verdict == "confirmed"
    assert {entry.node for entry in entries(parts, Kind.DETECTIONS).values()} == {"animals"}


def test_without_an_embedder_nothing_is_due(parts):
    nothing = replace(parts, embedders=type("None", (), {"space": lambda *_: None})())
    predicted(nothing)

    assert index(nothing, 1) == "nothing to embed with"
    assert not plan_vectors.is_due(nothing, nothing.projects.get(1))


def test_projects_have_each_their_own(parts):
    predicted(parts)
    parts.projects.save(2, "Others", parts.projects.get(1).label_config)
    index(parts, 1)

    index(parts, 2)

    assert parts.references.find(2, Kind.DETECTIONS, parts.embedders.space("", None)) is None


def test_unchanged_tasks_are_not_planned_again(parts):
    for task in range(1, 6):
        predicted(parts, task=task)
    space = parts.embedders.space("", None)
    states, log = TaskStates(parts.engine), VectorLog(parts.engine)
    assert plan_vectors.plan(parts, 1, space) == 5

    reviewed(parts, region("3l", "Car", LEFT), task=3, annotation=3)

    assert set(states.changed(1, space)) == {3}
    assert plan_vectors.plan(parts, 1, space) == 1
    assert len(log.rows(1, space, State.DUE)) == 16
