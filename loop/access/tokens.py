"""The bearer tokens of programs in the records, by name; of a token only the hash is stored."""

from __future__ import annotations

import hashlib
import re
import secrets
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import sqlalchemy as sa

from loop.access.callers import Caller, CallerKind
from loop.errors import PayloadError, RecordsDown
from loop.storage.changes import ChangeKind, record_change
from loop.storage.database import begin_soon
from loop.storage.exchange_tables import tokens

PREFIX = "loop_"
TOKEN = re.compile(r"loop_[A-Za-z0-9_-]{43}")  # 32 random bytes
NAME = re.compile(r"[A-Za-z0-9][\w.@-]{0,63}", re.ASCII)
NOTE_SECONDS = 0.1  # that a request waits for the records to note the use of its token
NOTED_EVERY = timedelta(minutes=1)  # the last use of a token is recorded no more often


@dataclass(frozen=True, slots=True)
class ProgramToken:
    """A bearer token, without the token itself."""

    name: str
    is_read_only: bool
    created_at: datetime
    used_at: datetime | None


class TokenStore:
    """The tokens in the records. A token is looked up at each request: revoked, it opens nothing from then on."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    def add(self, name: str, *, is_read_only: bool) -> str:
        """Make a token and return it; nobody can read it again. Raises PayloadError if the name is not a new one."""
        if not NAME.fullmatch(name):
            raise PayloadError("NAME", "1 to 64 letters, digits, dots, dashes, underscores or @", name)
        token = PREFIX + secrets.token_urlsafe(32)
        row = {"name": name, "hash": _hash(token), "is_read_only": is_read_only, "created_at": datetime.now(UTC)}
        try:
            with self._engine.begin() as connection:
                connection.execute(tokens.insert().values(row))
                after = f"{name}, {'may read' if is_read_only else 'may write'}"
                record_change(connection, None, ChangeKind.TOKEN, None, after)
        except sa.exc.IntegrityError:
            raise PayloadError("NAME", "a name that no token has; see `loop tokens list`", name) from None
        return token

    def all(self) -> list[ProgramToken]:
        """Return the tokens, by name."""
        with self._engine.connect() as connection:
            return [_read(row) for row in connection.execute(sa.select(tokens).order_by(tokens.c.name))]

    def revoke(self, name: str) -> None:
        """Delete a token. Raises PayloadError if there is none of that name."""
        with self._engine.begin() as connection:
            if not connection.execute(tokens.delete().where(tokens.c.name == name)).rowcount:
                raise PayloadError("NAME", "the name of a token; see `loop tokens list`", name)
            record_change(connection, None, ChangeKind.TOKEN, name, None)

    def identify(self, token: str) -> Caller | None:
        """Return the sender of a token, and note its use; None if there is no such token."""
        if not TOKEN.fullmatch(token):
            return None
        with self._engine.connect() as connection:
            row = connection.execute(sa.select(tokens).where(tokens.c.hash == _hash(token))).one_or_none()
        if row is None:
            return None
        self._note_use(_read(row))
        return Caller(CallerKind.READER if row.is_read_only else CallerKind.TOKEN, row.name)

    def _note_use(self, token: ProgramToken) -> None:
        now = datetime.now(UTC)
        if token.used_at and now - token.used_at < NOTED_EVERY:
            return
        change = tokens.update().where(tokens.c.name == token.name).values(used_at=now)
        with suppress(RecordsDown), begin_soon(self._engine, NOTE_SECONDS) as connection:  # the request itself goes on
            connection.execute(change)


def _hash(token: str) -> str:
    """Return what is stored of a token: 32 random bytes need no salt and no slow hash."""
    return hashlib.sha256(token.encode()).hexdigest()


def _read(row: sa.Row[Any]) -> ProgramToken:
    return ProgramToken(row.name, row.is_read_only, row.created_at, row.used_at)
