"""Views are written without a loss, and a view of ours shows its tasks and no others."""

from copy import deepcopy

import pytest

from loop.label_studio.views import Condition, View, ViewChange, put_view, show_tasks, write_view
from tests.fakes import FakeLabelStudio

CHILD = {"filter": "filter:tasks:data.city", "operator": "equal", "type": "String", "value": "Rome"}


@pytest.fixture
def studio():
    studio = FakeLabelStudio()
    put_view(studio, 1, show_tasks("Check", [1, 2]))
    return studio


def items(studio):
    return studio.tabs[0]["data"]["filters"]["items"]


def test_a_view_that_is_right_is_left_alone(studio):
    before = deepcopy(studio.tabs)

    assert put_view(studio, 1, show_tasks("Check", [1, 2])) == ViewChange.NOTHING
    assert studio.tabs == before


def test_a_view_with_other_tasks_gets_these_tasks_and_keeps_its_columns(studio):
    studio.tabs[0]["data"]["hiddenColumns"] = {"explore": ["tasks:id"]}

    assert put_view(studio, 1, show_tasks("Check", [3])) == ViewChange.CHANGED
    assert [item["value"] for item in items(studio)] == [3]
    assert studio.tabs[0]["data"]["hiddenColumns"] == {"explore": ["tasks:id"]}


@pytest.mark.parametrize("tasks", [[1, 2], [3, 4]], ids=["same-tasks", "other-tasks"])
def test_a_condition_inside_another_that_hides_tasks_of_ours_is_taken_out(studio, tasks):
    items(studio)[0]["child_filter"] = CHILD

    assert put_view(studio, 1, show_tasks("Check", tasks)) == ViewChange.CHANGED
    assert [item["value"] for item in items(studio)] == tasks
    assert not any("child_filter" in item for item in items(studio))


def test_a_view_that_is_not_to_be_overwritten_stays(studio):
    before = deepcopy(studio.tabs)

    assert put_view(studio, 1, show_tasks("Check", [3]), overwrites=False) == ViewChange.NOTHING
    assert studio.tabs == before


def test_everything_that_label_studio_has_of_a_view_is_written_back():
    data = {
        "title": "People's own",
        "type": "grid",
        "target": "tasks",
        "gridWidth": 4,
        "ordering": ["tasks:id"],
        "filters": {
            "conjunction": "or",
            "items": [{**CHILD, "child_filter": CHILD}, {"filter": "filter:tasks:id", "operator": "empty"}],
        },
    }

    assert write_view(View.of({"id": 7, "data": deepcopy(data)})) == data


def test_a_view_without_anything_is_read():
    assert View.of({"id": 7, "data": None}) == View("", (), id=7)
    assert View.of({"id": 7, "data": {"filters": None}}).conditions == ()
    assert Condition.of({}).value is None
