"""Tokens of programs."""

import sqlite3
import time
from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa

from loop.access.callers import CallerKind
from loop.access.tokens import TOKEN
from loop.errors import PayloadError
from loop.secrecy import redact
from loop.storage.exchange_tables import tokens as table


@pytest.fixture
def tokens(rooms):
    return rooms.access.tokens


def test_a_token_opens_until_it_is_revoked(tokens):
    token = tokens.add("ci", is_read_only=False)
    before = tokens.identify(token)
    tokens.revoke("ci")

    assert (before.kind, before.name, before.project) == (CallerKind.TOKEN, "ci", None)
    assert tokens.identify(token) is None


def test_the_records_hold_no_token(tokens, settings):
    token = tokens.add("ci", is_read_only=True)

    with sqlite3.connect(settings.home / "loop.sqlite3") as connection:
        assert token.removeprefix("loop_") not in "\n".join(connection.iterdump())


def test_a_name_stands_for_one_token(tokens):
    first = tokens.add("ci", is_read_only=False)

    with pytest.raises(PayloadError, match=r"^NAME: expected a name that no token has"):
        tokens.add("ci", is_read_only=False)
    assert tokens.identify(first)


@pytest.mark.parametrize("name", ["", " ", "a b", "é", "a\n", "[/red]", "-x", "x" * 65])
def test_a_name_that_cannot_be_shown_is_refused(tokens, name):
    with pytest.raises(PayloadError, match=r"^NAME: expected 1 to 64 letters"):
        tokens.add(name, is_read_only=False)


def test_what_is_not_there_cannot_be_revoked(tokens):
    with pytest.raises(PayloadError, match=r"^NAME: expected the name of a token"):
        tokens.revoke("nobody")


@pytest.mark.parametrize("given", ["", "loop_", "loop_" + "x" * 43, "x" * 100_000, "loop_" + "é" * 43, "\0"])
def test_nothing_else_is_a_token(tokens, given):
    tokens.add("ci", is_read_only=False)

    assert tokens.identify(given) is None


def test_the_last_use_is_shown_to_the_minute(tokens, rooms):
    token = tokens.add("ci", is_read_only=True)
    assert tokens.all()[0].used_at is None

    tokens.identify(token)
    first = tokens.all()[0].used_at
    tokens.identify(token)
    assert tokens.all()[0].used_at == first

    with rooms.engine.begin() as connection:
        connection.execute(sa.update(table).values(used_at=datetime.now(UTC) - timedelta(minutes=2)))
    tokens.identify(token)
    assert tokens.all()[0].used_at >= first


@pytest.mark.sqlite
def test_a_token_opens_at_once_while_the_records_are_locked(tokens, settings):
    token = tokens.add("ci", is_read_only=True)
    with sqlite3.connect(settings.home / "loop.sqlite3", isolation_level=None) as other:
        other.execute("BEGIN IMMEDIATE")
        began = time.monotonic()

        sender = tokens.identify(token)

        assert time.monotonic() - began < 2
        other.execute("ROLLBACK")
    assert sender.name == "ci"
    assert tokens.all()[0].used_at is None


def test_a_token_is_masked_wherever_it_is_printed(tokens):
    token = tokens.add("ci", is_read_only=True)

    assert TOKEN.fullmatch(token)
    assert redact(f"curl -H 'X: {token}'") == "curl -H 'X: [redacted]'"
