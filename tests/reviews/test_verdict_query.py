"""Asking for verdicts."""

from datetime import timedelta

import pytest

from loop.errors import PayloadError
from loop.reviews.judging import judge_tasks
from loop.reviews.operation_store import OperationState, StoredOperation
from loop.reviews.verdict_query import ReviewSource, VerdictFilter, read_cursor
from tests.builders import NOON, box, region, review, served


@pytest.fixture
def judged(rooms):
    """Ten tasks of two boxes each: one confirmed, one deleted, and a Person drawn."""
    for task in range(1, 11):
        predicted = (region(f"p{task}"), region(f"q{task}", label="Person", at=box(0.5, 0.5, 0.6, 0.6)))
        stream = "audit" if task == 3 else "queue"
        rooms.serving.predictions.append([served(*predicted, task=task, stream=stream)])
        record(rooms, task, annotation=100 + task, annotator=task % 2, lead_time=2.0)
    judge_tasks(rooms.reviews, 1, range(1, 11))
    return rooms


def record(rooms, task, *, minutes=None, **fields):
    drawn = region("d", "Person", box(0.8, 0.8, 0.9, 0.9))
    at = task if minutes is None else minutes
    rooms.reviews.store.record(review(region(f"p{task}"), drawn, task=task, minutes=task, edited=at, **fields), {})


def pages(rooms, most=4, between=lambda: None, **wanted):
    after, records_seen = None, []
    while True:
        records, place = rooms.reviews.verdicts.page(VerdictFilter(project=1, **wanted), after, most)
        records_seen += records
        if place is None:
            return records_seen
        after = read_cursor(place.text())
        between()


def names(records):
    return [(one.task, one.decision.value) for one in records]


def test_pages_together_are_all_verdicts_in_the_order_of_review(judged):
    regions = names(pages(judged))

    expected = ["confirmed", "false_positive", "missed"]
    assert regions == [(task, decision) for task in range(1, 11) for decision in expected]


def test_the_last_page_says_so_when_it_is_full(judged):
    records, place = judged.reviews.verdicts.page(VerdictFilter(project=1), None, 30)

    assert (len(records), place) == (30, None)


@pytest.mark.parametrize(
    ("wanted", "count"),
    [
        ({"version": "yolo_detector@1.0.0"}, 30),
        ({"version": "yolo_detector@9.0.0"}, 0),
        ({"decision": "missed"}, 10),
        ({"label": "Car"}, 10),
        ({"label": "Person"}, 20),
        ({"stream": "audit"}, 3),
        ({"annotator": 1}, 15),
        ({"task": 4}, 3),
        ({"since": NOON + timedelta(minutes=9)}, 6),
        ({"until": NOON + timedelta(minutes=2)}, 3),
        ({"since": "2026-01-01T12:09:00"}, 6),
        ({"is_shadow": True}, 0),
        ({"actor": "nobody"}, 0),
        ({"decision": "confirmed", "stream": "audit"}, 1),
    ],
)
def test_verdicts_are_filtered(judged, wanted, count):
    assert len(pages(judged, **wanted)) == count


def test_another_project_has_none_of_them(judged):
    assert judged.reviews.verdicts.page(VerdictFilter(project=2)) == ([], None)


def test_judging_anew_while_paging_loses_and_doubles_nothing(judged):
    records = pages(judged, between=lambda: judge_tasks(judged.reviews, 1, range(1, 11)))

    assert names(records) == names(pages(judged))
    assert len(set(names(records))) == 30


def test_a_review_that_is_edited_while_paging_comes_again_and_no_other_is_lost(judged):
    def edit():
        record(judged, 1, minutes=60, annotation=101)
        judge_tasks(judged.reviews, 1, [1])

    regions = names(pages(judged, between=edit))

    assert {task for task, _ in regions[3:-3]} == set(range(2, 11))
    assert regions[-3:] == regions[:3]
    assert len(regions) == 33


@pytest.mark.parametrize("text", ["", "x", "!!", "bnVsbA", "WzEsMiwzLDRd", "[]" * 100, "é"])
def test_a_cursor_of_others_is_refused(text):
    with pytest.raises(PayloadError, match=r"^cursor"):
        read_cursor(text)


def operation(state=OperationState.DONE, **fields):
    known = {"annotation_id": 104, "made_at": NOON + timedelta(minutes=4), "changed_at": NOON + timedelta(minutes=4)}
    return StoredOperation(
        **{"project_id": 1, "key": "k", "operation": "create", "digest": "", "actor": "bot", **known, **fields},
    ), state


@pytest.mark.parametrize(
    ("fields", "source"),
    [
        pytest.param({}, ReviewSource.BULK, id="as-the-operation-left-it"),
        pytest.param({"changed_at": NOON}, ReviewSource.EDITOR, id="edited-since"),
        pytest.param({"made_at": NOON}, ReviewSource.EDITOR, id="another-annotation-of-that-id"),
        pytest.param({"state": OperationState.STARTED}, ReviewSource.EDITOR, id="not-known-to-be-done"),
        pytest.param({"operation": "delete"}, ReviewSource.EDITOR, id="a-deletion"),
        pytest.param({"project_id": 2}, ReviewSource.EDITOR, id="of-another-project"),
    ],
)
def test_a_verdict_is_the_operations_only_where_it_left_the_review_so(judged, fields, source):
    judged.reviews.operations.end(*operation(**fields))

    records = pages(judged, task=4)

    actor = "bot" if source == ReviewSource.BULK else None
    assert {(one.source, one.actor) for one in records} == {(source, actor)}
    assert len(pages(judged, actor="bot")) == (3 if actor else 0)


def test_a_review_without_seconds_came_past_the_editor(judged):
    record(judged, 5, minutes=30, annotation=105, lead_time=None)
    judge_tasks(judged.reviews, 1, [5])

    assert {one.source for one in pages(judged, task=5)} == {ReviewSource.IMPORT}
