"""The pages of crops and of the queue without a browser: their addresses, their actions, and what is refused."""

import re

import pytest

from tests.backend.dashboard.builders import HOSTILE, PAGE, PROJECT
from tests.backend.dashboard.looking import give_boxes, give_images
from tests.builders import ls_region

CROPS, QUEUE = f"/loop/projects/{PROJECT}/crops/", f"/loop/projects/{PROJECT}/queue/"


@pytest.fixture
def rooms(filled, tmp_path):
    give_images(filled, tmp_path)
    return give_boxes(filled)


def ask(operator, path, **query):
    answer = operator.get(path, query_string=query or None, headers=PAGE)
    assert answer.status_code == 200, answer.text
    return answer.text


def send(operator, path, **fields):
    token = re.search(r'name="csrf_token" value="([^"]+)"', operator.get(CROPS).text)[1]
    answer = operator.post(path, data={"csrf_token": token, **fields})
    return answer, ask(operator, answer.headers["Location"]) if answer.status_code == 303 else ""


def boxes_in(text):
    return re.findall(r'name="box" value="([^"]+)"', text)


def test_the_boxes_of_a_class_are_shown_surest_first(rooms, operator):
    text = ask(operator, CROPS, label="Car")

    assert boxes_in(text)[-2:] == ["22:o22", "21:o21"]
    assert "0.51" in text
    assert len(boxes_in(ask(operator, CROPS))) == 20


def test_every_order_has_a_page_and_hostile_names_stand_as_text(rooms, operator):
    for order in ("surest", "least-sure", "swapped", "overlooked", "misplaced"):
        text = ask(operator, CROPS, order=order, of="reviewed")
        assert HOSTILE not in text
        assert "<img src=x" not in text
    assert ask(operator, CROPS, order="misplaced", label=HOSTILE).count("data-crops") == 1
    assert "Boxes that look like this one" in ask(operator, CROPS, order="alike", like="1:p1", of="reviewed")


@pytest.mark.parametrize(
    "query",
    [{"order": "x"}, {"page": "x"}, {"of": "x"}, {"like": "x"}, {"order": "alike"}],
    ids=lambda query: next(iter(query)),
)
def test_an_address_that_means_nothing_is_refused(rooms, operator, query):
    assert operator.get(CROPS, query_string=query, headers=PAGE).status_code == 400


def test_strange_pages_and_labels_have_an_empty_page_or_the_last(rooms, operator):
    assert boxes_in(ask(operator, CROPS, page=10**9))
    assert boxes_in(ask(operator, CROPS, page=-5))
    assert "No boxes" in ask(operator, CROPS, label="nothing")


def test_the_selected_tasks_become_a_view_and_the_page_stays_where_it_was(rooms, operator):
    answer, text = send(operator, f"{CROPS}view", box=["21:o21", "22:o22", "21:h21"], order="surest", label="Car")

    assert "order=surest" in answer.headers["Location"]
    assert "added the view “Selected crops” with 2 tasks" in text
    (view,) = rooms.studio.client.tabs
    assert [item["value"] for item in view["data"]["filters"]["items"]] == [21, 22]


def test_relabelling_needs_a_selection_and_a_reason_and_counts_what_succeeded(rooms, operator):
    studio = rooms.studio.client
    studio.annotate(studio.tasks[0], [ls_region("p1")])

    answer, text = send(operator, f"{CROPS}relabel", box=["1:p1", "21:o21"], new_label="Car", why="looked at it")

    assert answer.status_code == 303
    assert "1 boxes are Car now; 1 tasks failed: task 21" in text
    assert send(operator, f"{CROPS}relabel", box=["1:p1"], new_label="Car")[0].status_code == 400
    assert send(operator, f"{CROPS}relabel", new_label="Car", why="x")[0].status_code == 400
    assert send(operator, f"{CROPS}relabel", box=["1:p1"], new_label="Bus", why="x")[0].status_code == 400
    assert send(operator, f"{CROPS}relabel", box=["x"], new_label="Car", why="x")[0].status_code == 400


def test_looking_again_asks_for_the_job(rooms, operator):
    _, text = send(operator, f"{CROPS}look", order="swapped")

    assert ("suspects", PROJECT) in rooms.queue.asked
    assert "the job suspects waits" in text


def test_with_milvus_down_pages_stand_and_say_why_something_is_missing(rooms, operator):
    rooms.references.milvus.is_down = True

    assert boxes_in(ask(operator, CROPS))
    assert "did not answer" in ask(operator, CROPS, order="alike", like="1:p1")
    assert "Task 21" in ask(operator, QUEUE)


def test_an_empty_project_has_pages_that_say_so(rooms, operator):
    assert "no boxes" in ask(operator, "/loop/projects/1/crops/")
    assert "loop suspects" in ask(operator, "/loop/projects/1/crops/", order="swapped")
    assert "No open task has been predicted" in ask(operator, "/loop/projects/1/queue/")


def test_the_queue_has_thumbnails_with_boxes_and_reasons(rooms, operator):
    text = ask(operator, QUEUE)

    assert text.count("<rect ") == 16
    assert "its least certain box is" in text.casefold()
    assert HOSTILE not in text
    assert operator.get(QUEUE, query_string={"page": "x"}).status_code == 400
    assert "No open task" in ask(operator, QUEUE, page=99) or "Page 99" in ask(operator, QUEUE, page=99)
