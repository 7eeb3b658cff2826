"""The page of trainings: asking for one, the policy, and the classes, as the commands do."""

import pytest

from loop.training.store import TrainingEnd, TrainingState
from tests.backend.dashboard.builders import HOSTILE, PAGE, PROJECT, token_in_page

TRAINING = f"/loop/projects/{PROJECT}/training/"


@pytest.fixture
def rooms(filled):
    return filled.extensions["rooms"]


@pytest.fixture
def act(operator):
    """Send a form of the page, and follow to what the page says afterwards."""

    def send(action, project=PROJECT, **fields):
        place = f"/loop/projects/{project}/training/"
        headers = {**PAGE, "Referer": f"http://localhost{place}"}
        data = {**fields, "csrf_token": token_in_page(operator)}
        return operator.post(place + action, data=data, headers=headers, follow_redirects=True).text

    return send


def end_training(rooms, reason, state=TrainingState.FAILED):
    (training,) = rooms.trainings.store.open(PROJECT)
    rooms.trainings.store.settle(training.id, TrainingEnd(state, reason))
    rooms.trainings.store.end(training.id, state)


def test_a_training_is_asked_for_once(rooms, act):
    end_training(rooms, "out of memory")

    said = act("ask"), act("ask")

    assert all("training 2 is asked for, or goes on already" in text for text in said)
    assert [training.id for training in rooms.trainings.store.open(PROJECT)] == [2]
    assert ("retrain", PROJECT) in rooms.queue.asked


def test_without_a_review_no_training_is_asked_for(rooms, act):
    assert "has no reviews to train on" in act("ask", project=1)
    assert rooms.trainings.store.open(1) == []


def test_the_page_says_how_trainings_ended_and_leads_to_one_that_runs(rooms, operator):
    running = operator.get(TRAINING).text
    end_training(rooms, f"the images are gone {HOSTILE}")
    ended = operator.get(TRAINING).text

    assert f'<a href="/loop/jobs/retrain-{PROJECT}">' in running
    assert "epoch 3 of 10" in running
    assert "the images are gone" in ended
    assert HOSTILE not in running + ended


def test_a_policy_is_set_and_left_to_the_settings_again(rooms, act):
    def policy():
        own = rooms.studio.projects.get(PROJECT).policy
        return {name: value for name, value in own.items() if name != HOSTILE}

    act("policy", retrain_after="30", cool_down="60.5", tile="640", tile_overlap="")
    own = policy()
    same = act("policy", retrain_after="30", cool_down="60.5", tile="640")
    act("policy")

    assert own == {"retrain_after": 30, "cool_down": 60.5, "tile": 640}
    assert "nothing to change" in same
    assert policy() == {}


@pytest.mark.parametrize(
    "given",
    [
        *({"retrain_after": each} for each in ("0", "1.5", "nan", "inf", "x", "-1")),
        *({"tile": each} for each in ("33", "-32", "99999999")),
        *({"tile_overlap": each} for each in ("0", "0.9")),
    ],
    ids=str,
)
def test_a_policy_that_makes_no_sense_is_refused(rooms, act, given):
    before = rooms.studio.projects.get(PROJECT).policy

    (name,) = given
    assert f"{name}: expected a number from" in act("policy", **given)
    assert rooms.studio.projects.get(PROJECT).policy == before


def test_a_class_is_renamed_and_merged(rooms, act):
    renamed = act("rename", name=HOSTILE, new="Lorry")
    merged = act("rename", name="Lorry", new="Car")

    assert "is called &#39;Lorry&#39;" in renamed
    assert "rename it in the label config too" in renamed
    assert "is part of &#39;Car&#39;" in merged
    assert [(each.name, each.merged_into) for each in rooms.studio.classes.book(PROJECT).classes] == [
        ("Car", None),
        ("Lorry", 0),
    ]


def test_a_class_is_retired_and_taken_in_again(rooms, act):
    def is_retired():
        return rooms.studio.classes.book(PROJECT).get("Car").is_retired

    retired, state = act("retire", name="Car"), is_retired()
    act("retire", name="Car", undo="yes")

    assert "is retired" in retired
    assert (state, is_retired()) == (True, False)


@pytest.mark.parametrize(
    "fields", [{}, {"name": "Boat", "new": "Ship"}, {"name": "Car"}, {"name": "Car", "new": "Car"}]
)
def test_a_class_that_is_not_there_or_no_new_name_is_an_error(rooms, act, fields):
    before = rooms.studio.classes.book(PROJECT)

    assert 'class="message error"' in act("rename", **fields)
    assert rooms.studio.classes.book(PROJECT) == before


@pytest.mark.parametrize(
    ("place", "fields", "status"),
    [("1/training/ask", {}, 409), (f"{PROJECT}/training/retire", {"name": "Boat"}, 404)],
    ids=["no review", "no class"],
)
def test_a_program_gets_the_status_of_an_error(operator, place, fields, status):
    data = {**fields, "csrf_token": token_in_page(operator)}

    assert operator.post(f"/loop/projects/{place}", data=data).status_code == status
