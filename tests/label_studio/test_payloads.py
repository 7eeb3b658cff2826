"""Label Studio's JSON."""

import pytest

from loop.errors import PayloadError
from loop.label_studio.label_config import parse
from loop.label_studio.payloads import ACCEPT_MARK, project_id_of, read_review, read_task
from tests.builders import CONFIG, NOON, ls_annotation, ls_region, ls_task, review


def test_a_review_says_who_when_and_from_what():
    json = ls_annotation(ls_region("a"), parent_prediction=9, completed_by={"id": 4}, ground_truth=True)

    read = read_review(json, parse(CONFIG))

    assert (read.annotator, read.parent_prediction, read.is_ground_truth) == (4, 9, True)
    assert read.created_at.tzinfo is not None


@pytest.mark.parametrize("data", [{}, {"photo": "/data/a.jpg"}, {"image": None}, {"image": ["a"]}, {"image": "  "}])
def test_a_task_without_its_image_is_refused_by_name(data):
    with pytest.raises(PayloadError, match=r"task 7 data\.image"):
        read_task({"id": 7, "data": data}, "image")


def test_a_task_without_data_is_refused():
    with pytest.raises(PayloadError, match="task 7"):
        read_task(ls_task(7) | {"data": None}, "image")


def test_texts_from_outside_have_a_longest_length():
    with pytest.raises(PayloadError, match="at most 8192 characters") as refused:
        read_task({"id": 7, "data": {"image": f"https://host.example/{'a' * 1_000_000}"}}, "image")
    with pytest.raises(PayloadError, match="at most 1000 characters"):
        read_review(ls_annotation(unique_id="a" * 1001), parse(CONFIG))

    assert len(str(refused.value)) < 400
    assert read_task({"id": 7, "data": {"image": f"data:image/png;base64,{'a' * 1_000_000}"}}, "image").id == 7


@pytest.mark.parametrize(("text", "number"), [("7.1795399212", 7), ("7", 7), (7, 7)])
def test_the_project_is_read_with_and_without_its_creation_time(text, number):
    assert project_id_of(text) == number


@pytest.mark.parametrize("text", [None, "", "seven", "-1", {}])
def test_what_is_no_project_is_refused(text):
    with pytest.raises(PayloadError, match="project"):
        project_id_of(text)


@pytest.mark.parametrize(
    ("fields", "annotator"),
    [
        ({"lead_time": None}, 77),
        ({"lead_time": 3.0}, 4),
        ({"lead_time": 3.0, "updated_by": None}, 77),
        ({"lead_time": 3.0, "import_id": None}, 77),
    ],
    ids=["accepted", "changed-since", "by-somebody-unknown", "of-a-person"],
)
def test_what_was_accepted_and_changed_since_is_by_who_changed_it(fields, annotator):
    json = ls_annotation(**{"completed_by": 77, "updated_by": 4, "import_id": ACCEPT_MARK, **fields})

    assert read_review(json, parse(CONFIG)).annotator == annotator


@pytest.mark.parametrize(
    ("edited", "lead_time", "began"),
    [(0, 30.0, -30.0), (60, 1200.0, 0.0), (1, 90.0, -30.0), (0, None, 0.0)],
    ids=["made-at-once", "edited-for-long", "edited-at-once", "without-a-time"],
)
def test_a_review_began_before_it_was_made_by_the_lead_time_that_no_edit_can_have_taken(edited, lead_time, began):
    assert review(edited=edited, lead_time=lead_time).began_at - NOON.timestamp() == began
