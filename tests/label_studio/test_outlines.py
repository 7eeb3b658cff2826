"""Tasks in outline: what they tell, and what is asked for."""

import json

import pytest

from loop.errors import UpstreamError
from loop.label_studio.client import OUTLINES, LabelStudio
from loop.label_studio.tasks import LONGEST_LIST, StoredTask
from tests.builders import NOON


class Answering(LabelStudio):
    """The client of a Label Studio whose answers are given; it keeps what was asked for."""

    def __init__(self, *answers):
        super().__init__("http://studio.example", "k")
        self.asked, self._answers = [], list(answers)

    def _ask(self, method, path, **request):
        self.asked.append(request["params"])
        return self._answers.pop(0)


@pytest.mark.parametrize(
    ("versions", "version", "is_there"),
    [
        ("a@1.0.0", "a@1.0.0", True),
        ("a@1.0.10,b@1", "a@1.0.1", False),
        ("a@1.0.0, a@1.0.1", "a@1.0.1", True),
        ("x, y@1", "x, y@1", True),
        ("", "a@1.0.0", False),
        (None, "a@1.0.0", False),
    ],
    ids=str,
)
def test_an_outline_tells_the_versions_that_predicted_the_task(versions, version, is_there):
    assert StoredTask({"id": 1, "predictions_model_versions": versions}).has(version) is is_there


def test_the_predictions_of_a_whole_task_count_and_not_its_column():
    task = StoredTask({"id": 1, "predictions": [{"model_version": "b@1"}], "predictions_model_versions": "a@1"})

    assert task.has("b@1")
    assert not task.has("a@1")


@pytest.mark.parametrize(
    ("fields", "is_annotated"),
    [
        ({"annotations_ids": ""}, False),
        ({"annotations_ids": "7"}, True),
        ({"annotations_ids": "", "total_annotations": 0, "cancelled_annotations": 0}, False),
        ({"annotations_ids": "", "total_annotations": 1, "cancelled_annotations": 0}, True),
        ({"annotations_ids": "", "total_annotations": 0, "cancelled_annotations": 1}, True),
        ({"annotations": []}, False),
        ({"annotations": [{"id": 1}], "annotations_ids": ""}, True),
        ({}, True),
    ],
    ids=str,
)
def test_a_task_that_tells_nothing_of_annotations_counts_as_annotated(fields, is_annotated):
    assert StoredTask({"id": 1, **fields}).is_annotated is is_annotated


def test_outlines_are_asked_for_without_the_columns_that_label_studio_computes():
    client = Answering({"tasks": [{"id": number} for number in range(1, OUTLINES + 1)]}, {"tasks": [{"id": 5000}]})

    assert len(list(client.outlines_since(1, NOON))) == OUTLINES + 1

    query = json.loads(client.asked[1]["query"])
    assert client.asked[0]["fields"] == "task_only"
    assert "data" in client.asked[0]["include"].split(",")
    assert "tasks:predictions_results" in query["hiddenColumns"]["explore"]
    assert query["filters"]["items"][-1]["value"] == OUTLINES


def test_the_outlines_of_all_reviewed_tasks_are_asked_for_without_their_data():
    client = Answering({"tasks": []})

    assert not list(client.outlines_since(1, None))

    assert "data" not in client.asked[0]["include"].split(",")


@pytest.mark.parametrize(
    "ask",
    [
        lambda client: client.open_tasks(1),
        lambda client: client.open_outlines(1),
        lambda client: client.named_outlines(1, [1]),
        lambda client: client.named_tasks(1, [1]),
        lambda client: client.first_tasks(1, 1),
        lambda client: client.all_outlines(1),
        lambda client: client.marked_tasks(1),
    ],
)
def test_tasks_are_asked_for_with_the_addresses_that_predict_and_events_have(ask):
    """Label Studio answers others by default: of its resolver, and of uploads in a cloud one that changes each time."""
    client = Answering({"tasks": [{"id": 1}]})

    list(ask(client))

    assert client.asked[0]["resolve_uri"] is False


def test_a_task_with_more_versions_than_an_outline_names_is_read_whole():
    whole = {"id": 2, "predictions": [{"model_version": "b@1"}]}
    listed = [
        {"id": 1, "predictions_model_versions": "a@1"},
        {"id": 2, "predictions_model_versions": "x" * LONGEST_LIST},
    ]
    client = Answering({"tasks": listed}, {"tasks": [whole]})

    tasks = list(client.open_outlines(1))

    assert [(task.id, task.has("a@1"), task.has("b@1")) for task in tasks] == [(1, True, False), (2, False, True)]


def test_pages_that_label_studio_cuts_leave_no_task_out():
    pages = ([1, 2], [3, 4], [5])
    left = (5, 3, 1)
    answers = [
        {"tasks": [{"id": task} for task in page], "total": total} for page, total in zip(pages, left, strict=True)
    ]

    assert Answering(*answers).task_ids(1) == {1, 2, 3, 4, 5}
    assert set(Answering(*answers).named_tasks(1, [1, 2, 3, 4, 5, 6])) == {1, 2, 3, 4, 5}


def test_an_answer_with_other_tasks_than_those_asked_for_is_asked_for_once():
    first = {"tasks": [{"id": 1}, {"id": 2}], "total": 9}

    with pytest.raises(UpstreamError, match="the tasks asked for"):
        list(Answering(first, first).task_ids(1))
    assert set(Answering(first).named_tasks(1, [3, 4])) == {1, 2}


def test_a_page_without_the_tasks_that_are_left_is_no_end():
    with pytest.raises(UpstreamError, match="the tasks asked for"):
        Answering({"tasks": [{"id": 1}], "total": 4}, {"tasks": [], "total": 3}).task_ids(1)
