"""The login that Label Studio sends to our ML backend, and the webhook, are ours, also after an upgrade."""

from dataclasses import replace

import pytest

from loop.errors import Refused
from loop.label_studio.interactive.backend import InteractiveBackend
from loop.reviews.sync import sync
from loop.reviews.way_in import ensure_backend, ensure_webhook, repair_login
from tests.installation.fakes import Studio
from tests.swap import swap

REFUSED = "401 Client Error: UNAUTHORIZED for url: http://127.0.0.1:9090/setup"
OTHERS = {
    "none, as before the upgrade": {"auth_method": "NONE", "basic_auth_user": ""},
    "none, with an old user": {"auth_method": "NONE"},
    "another user": {"basic_auth_user": "loop"},
    "an old password": {"state": "ER", "error_message": REFUSED},
}


@pytest.fixture
def studio(rooms):
    return swap(rooms, (rooms.studio.client, Studio(rooms.studio.backend))).studio


@pytest.mark.parametrize("other", OTHERS.values(), ids=OTHERS)
def test_another_login_is_replaced_by_ours_once(studio, other):
    studio.client.mls[0].update(other)

    lines = [ensure_backend(studio, 1), ensure_backend(studio, 1)]

    assert studio.client.logins == [(1, 5, studio.backend.login_of(1))]
    assert lines == [["repaired the login of the ML backend: Label Studio sends the user project-1"], []]


@pytest.mark.parametrize("ensure", [ensure_backend, repair_login])
@pytest.mark.parametrize("url", ["http://LOCALHOST:9090/", "http://[::1]:9090"])
def test_a_backend_that_was_added_by_another_name_of_loopback_gets_it_too(studio, url, ensure):
    studio.client.mls[0].update(url=url, auth_method="NONE")

    ensure(studio, 1)

    assert [login for _, _, login in studio.client.logins] == [studio.backend.login_of(1)]
    assert len(studio.client.mls) == 1


def test_a_webhook_that_is_removed_is_told_apart(studio):
    url = f"{studio.backend.url}/webhook"
    studio.client.create_webhook(url=url, headers={})
    ensure_webhook(studio, 1)
    studio.client.create_webhook(**{**studio.client.hooks[-1], "id": 7})

    lines = ensure_webhook(studio, 1)

    assert [line.split(":")[0] for line in lines] == ["removed a second webhook of ours"]
    assert len(studio.client.hooks) == 1


def test_the_webhook_that_label_studio_adds_by_itself_is_named(studio):
    studio.client.create_webhook(url=f"{studio.backend.url}/webhook", headers={})

    first, *_ = ensure_webhook(studio, 1)

    assert first == "removed the webhook that Label Studio adds by itself: events come by the webhook with our secret"


def test_a_webhook_by_another_name_of_loopback_is_the_same(studio):
    ensure_webhook(studio, 1)
    studio.client.hooks[0]["url"] = "http://localhost:9090/webhook"

    assert ensure_webhook(studio, 1) == []


@pytest.mark.parametrize(
    "fine",
    [
        {},
        {"state": "ER", "error_message": "500 Server Error"},
        {"url": "http://elsewhere:9090", "auth_method": "NONE"},
        {"url": "http://localhost:9091", "auth_method": "NONE"},
        {"url": "http://localhost:9090/other", "auth_method": "NONE"},
        {"url": "http://[localhost:9090", "auth_method": "NONE"},
    ],
    ids=["ours", "ours-and-broken", "of-another-machine", "of-another-program", "at-another-path", "no-address"],
)
def test_nothing_else_is_touched(studio, fine):
    studio.client.mls[0].update(fine)

    assert repair_login(studio, 1) == []
    assert studio.client.logins == []


SAM = {"id": 3, "url": "http://sam:9090", "state": "CO", "title": "SAM", "is_interactive": True}


def test_click_tools_ask_our_backend_from_the_next_connect_on(studio):
    studio.client.mls[0]["is_interactive"] = False

    lines = [ensure_backend(studio, 1), ensure_backend(studio, 1)]

    assert lines == [["click tools ask our ML backend"], []]
    assert studio.client.mls[0]["is_interactive"]


def test_click_tools_are_not_taken_from_a_backend_that_they_are_not_handed_on_to(studio):
    studio.client.mls.append(SAM)

    lines = [ensure_backend(studio, 1), ensure_backend(studio, 1)]

    assert lines == [["click tools ask SAM"], []]
    assert not studio.client.mls[0]["is_interactive"]


def test_click_tools_ask_our_backend_where_it_hands_them_on(studio):
    studio.client.mls[:] = [SAM]

    ensure_backend(replace(studio, interactive=InteractiveBackend("http://sam:9090")), 1)

    assert studio.client.mls[-1]["url"] == studio.backend.url
    assert studio.client.mls[-1]["is_interactive"]


def test_a_sync_leaves_click_tools_to_the_person_who_set_them(studio):
    studio.client.mls[0].update(is_interactive=False, auth_method="NONE")

    repair_login(studio, 1)

    assert not studio.client.mls[0]["is_interactive"]


def test_a_backend_that_somebody_removed_stays_away(studio):
    studio.client.mls.clear()

    assert repair_login(studio, 1) == []


def test_a_sync_repairs_it(rooms):
    healed = swap(rooms, (rooms.studio.client, Studio(rooms.studio.backend)))
    healed.studio.client.mls[0].update(OTHERS["none, as before the upgrade"])

    line = sync(healed.reviews, 1).line

    assert "repaired the login of the ML backend" in line


def test_a_sync_goes_on_where_the_backend_does_not_answer(rooms):
    healed = swap(rooms, (rooms.studio.client, Studio(rooms.studio.backend)))
    healed.studio.client.mls[0].update(OTHERS["another user"])
    healed.studio.client.refusal = Refused("Label Studio answered PATCH api/ml/5 with 400: Can't connect", 400)

    line = sync(healed.reviews, 1).line

    assert "the login of the ML backend is not repaired: Label Studio answered PATCH api/ml/5 with 400" in line
