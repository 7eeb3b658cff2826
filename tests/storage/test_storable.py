"""What the records cannot hold is refused at the border, by name."""

import pytest
import sqlalchemy as sa

from loop.errors import PayloadError
from loop.label_studio.label_config import parse
from loop.label_studio.payloads import project_id_of, read_prediction, read_review, read_task
from loop.storage.storable import LARGEST_ID, is_id, is_text
from tests.builders import CONFIG, ls_annotation, ls_region, ls_task

BAD_IDS = [0, -1, 2**63, 10**400, True, 1.0, "1", None, [], {"id": 1}, float("nan")]
BAD_TIMES = ["9999-12-31T23:59:59-12:00", "0001-01-01T00:00:00+14:00", "yesterday", [], {}, 1e308, "2026-02-30"]
BAD_TEXTS = ["\ud800", "a\0b", 7, ["a"], {"a": 1}]
BAD_NUMBERS = ["3", [], {}, True, float("nan"), float("inf"), 10**400]
FIELDS = [
    *(("id", bad) for bad in BAD_IDS),
    *(("created_at", bad) for bad in BAD_TIMES),
    *(("unique_id", bad) for bad in BAD_TEXTS),
    *(("parent_prediction", bad) for bad in BAD_IDS if bad is not None),
    ("task", 2**63),
    ("project", {"id": 1}),
]


@pytest.mark.parametrize(("field", "bad"), FIELDS, ids=[f"{field}={str(bad)[:12]!a}" for field, bad in FIELDS])
def test_an_annotation_that_cannot_be_kept_is_refused_by_the_field(field, bad):
    with pytest.raises(PayloadError) as refused:
        read_review(ls_annotation(ls_region(), **{field: bad}), parse(CONFIG))

    assert refused.value.field.endswith(field)


@pytest.mark.parametrize("bad", BAD_IDS, ids=[str(bad)[:12] for bad in BAD_IDS])
def test_a_task_whose_id_is_none_is_refused(bad):
    with pytest.raises(PayloadError, match="task id"):
        read_task(ls_task(bad), "image")


def test_what_can_be_kept_is_read_as_it_is():
    json = ls_annotation(annotation=LARGEST_ID, parent_prediction=LARGEST_ID, completed_by={"email": "x"})

    review = read_review(json, parse(CONFIG))

    assert (review.id, review.parent_prediction) == (LARGEST_ID, LARGEST_ID)
    assert review.annotator is None


@pytest.mark.parametrize("bad", [*BAD_NUMBERS[1:], -5, 1e308], ids=lambda bad: str(bad)[:12])
def test_seconds_that_nobody_can_have_taken_are_none(bad):
    assert read_review(ls_annotation(lead_time=bad), parse(CONFIG)).lead_time is None


@pytest.mark.parametrize("number", [10**400, -(10**400), float("inf")], ids=["huge", "small", "endless"])
def test_a_coordinate_without_measure_is_unread_by_its_field(number):
    review = read_review(ls_annotation(ls_region(x=number)), parse(CONFIG))

    assert review.unread[0].text.startswith("annotation 1 result[0].value.x: ")


@pytest.mark.parametrize("bad", [0, -7, "²", "٣", "9" * 30, "", None, True, [1], {"id": 0}, 2**63, "1e3", "\ud800"])
def test_what_is_no_project_is_refused(bad):
    with pytest.raises(PayloadError, match="project"):
        project_id_of(bad)


@pytest.mark.parametrize("text", ["7", "7.1795399212", 7, 7.0, str(LARGEST_ID)])
def test_a_project_is_read_as_backends_are_sent_it(text):
    assert is_id(project_id_of(text))


def test_a_refusal_can_be_kept_and_shown_whatever_it_is_about(rooms):
    with pytest.raises(PayloadError) as refused:
        read_prediction({"id": 1, "task": 1, "model_version": "v\ud800\0"}, parse(CONFIG))

    assert is_text(str(refused.value))
    assert str(refused.value).encode()
    with rooms.engine.connect() as connection:
        assert connection.scalar(sa.select(sa.literal(str(refused.value)))) == str(refused.value)
