"""Annotators beside each other on the page of rates, and the view of their disagreements."""

import re

from tests.backend.dashboard.builders import PAGE, PROJECT
from tests.builders import region, review

RATES = f"/loop/projects/{PROJECT}/rates/"


def ask(operator, by="annotator"):
    answer = operator.get(RATES, query_string={"by": by}, headers=PAGE)
    assert answer.status_code == 200, answer.text
    return answer.text


def test_annotators_are_compared_and_their_disagreements_become_a_view(operator, filled):
    rooms = filled.extensions["rooms"]
    assert "No task has annotations of several people." in ask(operator)
    for task in (501, 502, 503):
        star = {"is_ground_truth": True} if task < 503 else {}
        rooms.reviews.store.record(
            review(region(), project=PROJECT, annotation=task, task=task, annotator=1, **star), {}
        )
        rooms.reviews.store.record(review(project=PROJECT, annotation=task + 100, task=task, annotator=2), {})

    text = ask(operator)
    assert "right on known answers" in text
    assert "agrees with others" in text
    assert re.findall(r"task=(\d+)", text) == ["503"]
    assert "Annotators compared" not in ask(operator, by="label")
    token = re.search(r'name="csrf_token" value="([^"]+)"', text)[1]
    answer = operator.post(f"{RATES}disagreements", data={"csrf_token": token}, headers=PAGE)
    assert "by=annotator" in answer.headers["Location"]
    (view,) = rooms.studio.client.tabs
    assert [item["value"] for item in view["data"]["filters"]["items"]] == [503]
