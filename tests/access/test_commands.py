"""The commands on tokens and logins."""

import json

import pytest

from loop.access.callers import Caller, CallerKind
from loop.access.tokens import TOKEN
from loop.settings import Settings
from loop.storage.actor import who_acts
from loop.wiring import build
from tests.builders import CONFIG
from tests.terminal import loop


@pytest.fixture
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("LOOP_HOME", str(tmp_path))
    rooms = build(Settings.read({"LOOP_HOME": str(tmp_path)}), migrate=True)
    rooms.studio.projects.save(1, "Cars", CONFIG)
    yield rooms
    rooms.close()


def test_a_token_is_printed_once_listed_and_revoked(home):
    token = loop("tokens", "add", "ci", "--read-only").out.strip()
    listed = loop("tokens", "list").out
    revoked = loop("tokens", "revoke", "ci").out

    assert TOKEN.fullmatch(token)
    assert token not in listed
    assert "ci" in listed
    assert "never" in listed
    assert revoked.startswith("ci is revoked\n")
    assert home.access.tokens.identify(token) is None


def test_tokens_are_listed_as_json(home):
    loop("tokens", "add", "ci")

    (listed,) = json.loads(loop("tokens", "list", "--json").out)

    assert (listed["name"], listed["is_read_only"], listed["used_at"]) == ("ci", False, None)


def test_a_link_to_the_dashboard_is_printed_and_signs_in_the_user_of_the_command(home):
    link = loop("dashboard", "--read-only").out.strip()

    address, _, ticket = link.partition("?ticket=")
    assert address == "http://127.0.0.1:9090/loop/sign-in"
    assert home.access.sign_ins.use(ticket) == Caller(CallerKind.READER, who_acts())


def test_the_login_of_a_project_is_printed_to_add_a_backend_by_hand(home):
    printed = loop("tokens", "login", "--project", "1")

    login = home.access.logins.of_project(1)
    assert printed.out == f"{login.user}:{login.password}\n"
    assert loop("tokens", "login", "--project", "2").code == 1
