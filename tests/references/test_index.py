"""Every detection and every box reviewed gets one vector, whatever happens on the way."""

from datetime import UTC, datetime, timedelta

import pytest

from loop.references import plan as plan_vectors
from loop.references.changed_tasks import TaskStates
from loop.references.entries import CollectionKind
from loop.references.index import index, rebuild
from loop.references.vector_store import VectorState, VectorStore
from loop.reviews.judging import judge_tasks
from loop.reviews.standing import ANNOTATION, TASK
from tests.builders import NOON, box, region, served
from tests.fakes import FakeImages, Killed
from tests.references.builders import BELOW, LEFT, entries, predicted, reviewed
from tests.references.fakes import FakeReferences
from tests.swap import swap
from tests.vision.fakes import FakeEmbedders


@pytest.fixture
def rooms(rooms):
    return swap(rooms, (rooms.vision.embedders, FakeEmbedders()), (rooms.references.milvus, FakeReferences()))


def judgement(rooms, kind):
    return {name: (entry.label, entry.verdict) for name, entry in entries(rooms, kind).items()}


def test_what_is_shown_and_what_is_held_back_get_one_vector_each(rooms):
    predicted(rooms)

    index(rooms.references, 1)

    assert judgement(rooms, CollectionKind.DETECTIONS) == {"1l": ("Car", ""), "1r": ("Person", ""), "1c": ("Car", "")}
    assert entries(rooms, CollectionKind.DETECTIONS)["1c"].score == pytest.approx(0.1)
    assert entries(rooms, CollectionKind.REFERENCES) == {}


def test_a_second_run_computes_nothing(rooms):
    predicted(rooms)
    index(rooms.references, 1)
    shown = len(rooms.vision.embedders.shown)

    assert not plan_vectors.is_due(rooms.references, rooms.studio.projects.get(1))
    assert "0 vectors made; all there" in index(rooms.references, 1).line

    assert len(rooms.vision.embedders.shown) == shown == 3


def test_a_review_makes_references_and_judges_detections(rooms):
    predicted(rooms)
    index(rooms.references, 1)
    missed = region("drawn", "Person", BELOW)

    reviewed(rooms, region("1l", "Person", LEFT), missed)
    index(rooms.references, 1)

    assert judgement(rooms, CollectionKind.REFERENCES) == {"1l": ("Person", "corrected"), "drawn": ("Person", "missed")}
    assert entries(rooms, CollectionKind.REFERENCES)["1l"].version == "yolo_detector@1.0.0"
    detections = {"1l": ("Car", "corrected"), "1r": ("Person", "false_positive"), "1c": ("Car", "")}
    assert judgement(rooms, CollectionKind.DETECTIONS) == detections
    assert len(rooms.vision.embedders.shown) == 3  # every crop was known: the drawn one is where the candidate was


def test_boxes_of_a_review_without_any_prediction_are_references(rooms):
    reviewed(rooms, region("drawn", "Person", BELOW))

    index(rooms.references, 1)

    assert judgement(rooms, CollectionKind.REFERENCES) == {"drawn": ("Person", "missed")}


def test_a_deleted_review_takes_its_references_and_verdicts_with_it(rooms):
    predicted(rooms)
    reviewed(rooms, region("1l", "Car", LEFT))
    index(rooms.references, 1)

    rooms.reviews.store.delete(1, ANNOTATION, {1: NOON + timedelta(hours=1)})
    judge_tasks(rooms.reviews, 1, [1])
    index(rooms.references, 1)

    assert entries(rooms, CollectionKind.REFERENCES) == {}
    assert {entry.verdict for entry in entries(rooms, CollectionKind.DETECTIONS).values()} == {""}


def test_the_detections_of_a_deleted_task_go(rooms):
    predicted(rooms, task=1)
    predicted(rooms, task=2)
    index(rooms.references, 1)

    rooms.reviews.store.delete(1, TASK, {1: datetime.now(UTC)})
    index(rooms.references, 1)

    assert set(entries(rooms, CollectionKind.DETECTIONS)) == {"2l", "2r", "2c"}


def test_a_newer_prediction_replaces_what_nobody_judged(rooms):
    predicted(rooms, tag="old")
    reviewed(rooms, region("old1l", "Car", LEFT))
    prediction = served(region("new", "Car", box(0.5, 0.5, 0.6, 0.6), 0.9), version="yolo_detector@1.1.0", minutes=30)
    rooms.serving.predictions.append([prediction])

    index(rooms.references, 1)

    assert set(entries(rooms, CollectionKind.DETECTIONS)) == {"old1l", "old1r", "new"}
    assert entries(rooms, CollectionKind.DETECTIONS)["new"].version == "yolo_detector@1.1.0"


def test_two_tasks_with_one_image_share_what_is_computed(rooms):
    predicted(rooms, task=1)
    index(rooms.references, 1)

    predicted(rooms, task=2)
    index(rooms.references, 1)

    assert len(entries(rooms, CollectionKind.DETECTIONS)) == 6
    assert len(rooms.vision.embedders.shown) == 3
    rebuild(rooms.references, 1)  # now both in one batch
    assert len(entries(rooms, CollectionKind.DETECTIONS)) == 6
    assert len(rooms.vision.embedders.shown) == 6


def test_an_image_that_is_gone_costs_only_itself_and_is_tried_again_later(rooms):
    rooms = swap(rooms, (rooms.vision.images, FakeImages(broken=[2])))
    for task in (1, 2, 3):
        predicted(rooms, task=task, image=f"/data/upload/{task}.jpg")

    line = index(rooms.references, 1).line

    assert "6 vectors made, 3 without an image" in line
    assert {entry.task for entry in entries(rooms, CollectionKind.DETECTIONS).values()} == {1, 3}
    assert not plan_vectors.is_due(rooms.references, rooms.studio.projects.get(1))  # not at once
    space = rooms.vision.embedders.space("", None)
    broken = rooms.references.vectors.read(1, space, VectorState.BROKEN)
    assert {row.error for row in broken} == {"/data/upload/2.jpg: HTTP 404"}
    rooms.references.vectors.set(1, space, broken, VectorState.DUE)
    index(swap(rooms, (rooms.vision.images, FakeImages())).references, 1)
    assert len(entries(rooms, CollectionKind.DETECTIONS)) == 9


def test_with_milvus_down_everything_waits_and_comes_by_itself(rooms):
    predicted(rooms)
    rooms.references.milvus.is_down = True

    line = index(rooms.references, 1).line

    assert "did not answer" in line
    assert rooms.vision.embedders.shown == []  # nothing is computed that could not be kept
    assert plan_vectors.is_due(rooms.references, rooms.studio.projects.get(1))
    rooms.references.milvus.is_down = False
    index(rooms.references, 1)
    assert len(entries(rooms, CollectionKind.DETECTIONS)) == 3


@pytest.mark.parametrize("calls", range(12))
def test_killed_at_any_change_the_next_run_ends_in_the_same_state(rooms, calls):
    predicted(rooms, task=1)
    predicted(rooms, task=2, image="/data/upload/1/b.jpg")
    reviewed(rooms, region("1l", "Person", LEFT), region("drawn", "Person", BELOW))
    index(rooms.references, 1)
    expected = {kind: judgement(rooms, kind) for kind in CollectionKind}
    fresh = swap(rooms, (rooms.vision.embedders, FakeEmbedders("2" * 64)), (rooms.references.milvus, FakeReferences()))
    fresh.references.milvus.calls_left = calls

    try:
        index(fresh.references, 1)
    except Killed:
        was_killed = True
    else:
        was_killed = False
    fresh.references.milvus.calls_left = None
    acknowledged = {key for one in fresh.references.milvus.collections.values() for key in one.rows}
    before = len(fresh.vision.embedders.shown)
    index(fresh.references, 1)

    assert {kind: judgement(fresh, kind) for kind in CollectionKind} == expected
    assert was_killed == (calls < 5)
    assert len(fresh.vision.embedders.shown) - before == 6 - len(acknowledged)  # what Milvus has is not made again


def test_the_node_that_the_taxonomy_gave_stays(rooms):
    predicted(rooms)
    index(rooms.references, 1)
    collection = rooms.references.milvus.find(1, CollectionKind.DETECTIONS, rooms.vision.embedders.space("", None))
    collection.place(dict.fromkeys(collection.rows, "animals"))

    reviewed(rooms, region("1l", "Car", LEFT))
    index(rooms.references, 1)

    assert entries(rooms, CollectionKind.DETECTIONS)["1l"].verdict == "confirmed"
    assert {entry.node for entry in entries(rooms, CollectionKind.DETECTIONS).values()} == {"animals"}


def test_without_an_embedder_nothing_is_due(rooms):
    nothing = swap(rooms, (rooms.vision.embedders, type("None", (), {"is_off": True, "space": lambda *_: None})()))
    predicted(nothing)

    assert index(nothing.references, 1).line == "nothing to embed with"
    assert not plan_vectors.is_due(nothing.references, nothing.studio.projects.get(1))


def test_projects_have_each_their_own(rooms):
    predicted(rooms)
    rooms.studio.projects.save(2, "Others", rooms.studio.projects.get(1).label_config)
    index(rooms.references, 1)

    index(rooms.references, 2)

    assert rooms.references.milvus.find(2, CollectionKind.DETECTIONS, rooms.vision.embedders.space("", None)) is None


def test_unchanged_tasks_are_not_planned_again(rooms):
    for task in range(1, 6):
        predicted(rooms, task=task)
    space = rooms.vision.embedders.space("", None)
    states, store = TaskStates(rooms.engine), VectorStore(rooms.engine)
    assert plan_vectors.plan(rooms.references, 1, space) == 5

    reviewed(rooms, region("3l", "Car", LEFT), task=3, annotation=3)

    assert set(states.find_changed(1, space)) == {3}
    assert plan_vectors.plan(rooms.references, 1, space) == 1
    assert len(store.read(1, space, VectorState.DUE)) == 16
