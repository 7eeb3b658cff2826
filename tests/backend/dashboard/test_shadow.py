"""A version that is tried in the shadow, begun and ended on its page."""

import pytest

from tests.backend.dashboard.builders import PAGE, PROJECT, fill_versions, token_in_page
from tests.fakes import FakeDetectors
from tests.swap import swap

FIRST, SERVING = "yolo_detector@2.0.0", "yolo_detector@2.2.0"
MODELS = f"/loop/projects/{PROJECT}/models/"


@pytest.fixture
def rooms(filled, tmp_path):
    rooms = filled.extensions["rooms"]
    filled.extensions["rooms"] = swap(rooms, (rooms.registry.detectors, FakeDetectors()))
    fill_versions(filled.extensions["rooms"], tmp_path)
    return filled.extensions["rooms"]


def act(operator, action, **fields):
    headers = {**PAGE, "Referer": f"http://localhost{MODELS}"}
    data = {**fields, "csrf_token": token_in_page(operator)}
    return operator.post(MODELS + action, data=data, headers=headers, follow_redirects=True).text


def shadow_of(rooms):
    project = rooms.studio.projects.get(PROJECT)
    return project.shadow, project.shadow_share, project.is_shadow_shown


def test_a_shadow_begins_and_ends_on_the_page_of_its_version(rooms, operator):
    begun = act(operator, "shadow", version=FIRST, share="0.25", show="yes")
    at = shadow_of(rooms)
    ended = act(operator, "shadow/end")

    assert f"{FIRST} answers beside the champion on 25% of the tasks" in begun
    assert "End the shadow" in begun
    assert at == (FIRST, 0.25, True)
    assert "no longer has a shadow" in ended
    assert shadow_of(rooms) == (None, 0.0, False)


@pytest.mark.parametrize("share", ["", "0", "1.5", "nan", "half"])
def test_a_share_that_is_none_is_refused(rooms, operator, share):
    assert "share: expected" in act(operator, "shadow", version=FIRST, share=share)
    assert shadow_of(rooms)[0] is None


def test_the_version_that_serves_is_no_shadow(rooms, operator):
    assert "a shadow is another version" in act(operator, "shadow", version=SERVING, share="0.2")
    assert shadow_of(rooms)[0] is None


def test_an_old_page_ends_no_other_shadow_and_no_other_pin_than_it_showed(rooms, operator):
    act(operator, "shadow", version=FIRST, share="0.25")
    assert "nothing was done" in act(operator, "shadow/end", version="yolo_detector@2.1.0")
    assert shadow_of(rooms)[0] == FIRST
    assert "no longer has a shadow" in act(operator, "shadow/end", version=FIRST)

    act(operator, "pin", version=FIRST, why="a trial")
    assert "nothing was done" in act(operator, "unpin", version=SERVING, why="done")
    assert rooms.studio.projects.get(PROJECT).pinned == FIRST
    assert "the gate decides again" in act(operator, "unpin", version=FIRST, why="done")
