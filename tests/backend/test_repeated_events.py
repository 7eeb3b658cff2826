"""Events that say the same as earlier ones, and stand for something else that happened."""

from tests.backend.test_webhook import secret
from tests.builders import created, ls_region


def test_a_deletion_that_says_the_same_as_an_earlier_one_is_another_event(client, rooms):
    deletion = {"action": "ANNOTATIONS_DELETED", "annotations": [{"id": 1}], "project": {"id": 1}}
    for event in (created(ls_region()), deletion, created(ls_region(), minutes=5), deletion):
        client.post("/webhook", json=event, headers=secret(rooms))

    assert [event.action for event in rooms.reviews.events.pending(1)][1::2] == ["ANNOTATIONS_DELETED"] * 2


def test_a_project_that_is_changed_back_is_another_event(client, rooms):
    for title in ("Cars", "Planes", "Cars"):
        event = {"action": "PROJECT_UPDATED", "project": {"id": 1, "title": title, "label_config": ""}}
        client.post("/webhook", json=event, headers=secret(rooms))

    assert [event.payload["project"]["title"] for event in rooms.reviews.events.pending(1)][-1] == "Cars"
