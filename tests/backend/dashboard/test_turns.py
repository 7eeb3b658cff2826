"""Few pages at once ask Label Studio and Milvus, which may hang; the others say so, and can be sent again."""

from contextlib import ExitStack

import pytest

from backend.gate import SERVICES
from tests.backend.dashboard.builders import PAGE, PROJECT, token_in_page

OF_PROJECT = f"/loop/projects/{PROJECT}"
ASKING = {  # actions that ask, with what their forms have
    "crops/view": {"box": "1:p1"},
    "rates/disagreements": {},
    "clusters/promote": {"cluster": "x", "name": "Insect"},
    "clusters/undo": {"cluster": "x", "why": "a test"},
    "taxonomy/check": {"content": "nodes: []"},
    "models/pin": {"version": "x", "why": "a test"},
    "models/roll-back": {"version": "x", "why": "a test"},
}


@pytest.fixture(autouse=True)
def taken(filled):
    """All turns are taken."""
    gate = filled.extensions["services"]
    gate._seconds = 0.01
    with ExitStack() as turns:
        for _ in range(SERVICES):
            turns.enter_context(gate.entered())
        yield


@pytest.mark.parametrize("path", ["/loop/doctor/machine", "/loop/doctor?run=1", f"{OF_PROJECT}/doctor"])
def test_the_doctor_can_be_asked_again(operator, path):
    answer = operator.get(path)

    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "10")


def test_the_overview_says_why_it_does_not_know_the_open_tasks(operator):
    assert "no turn within 0.01 s" in operator.get(f"{OF_PROJECT}/open-tasks").text


def test_crops_can_be_asked_for_again(operator):
    assert operator.get(f"{OF_PROJECT}/crops/").status_code == 503


@pytest.mark.parametrize("action", ASKING)
def test_an_action_comes_back_with_the_reason(operator, action):
    headers = {**PAGE, "Referer": f"http://localhost{OF_PROJECT}/"}
    fields = {"csrf_token": token_in_page(operator), **ASKING[action]}

    answer = operator.post(f"{OF_PROJECT}/{action}", data=fields, headers=headers, follow_redirects=True)

    assert "no turn within 0.01 s" in answer.text


def test_pages_that_ask_nobody_stand(operator):
    for path in ("", "queue/", "training/", "models/", "rates/", "clusters/", "taxonomy/", "learning/"):
        assert operator.get(f"{OF_PROJECT}/{path}").status_code == 200
    assert operator.get("/loop/doctor").status_code == 200
