"""Links by which a person signs in to the dashboard once, in the records; of a link only a hash is stored."""

from __future__ import annotations

import hashlib
import secrets
import time

from loop.access.callers import Caller, CallerKind
from loop.storage.installation_store import InstallationStore

FACT = "sign-in"  # one at a time: a new link ends the one before
LASTS = 600  # seconds


class SignIns:
    """The link that waits to be used."""

    def __init__(self, facts: InstallationStore) -> None:
        self._facts = facts

    def make(self, name: str, *, is_read_only: bool) -> str:
        """Return a new ticket, which signs *name* in once, within LASTS seconds; an earlier one ends."""
        ticket = secrets.token_urlsafe(32)
        kind = CallerKind.READER if is_read_only else CallerKind.OPERATOR
        fact = {"id": _hash(ticket), "kind": kind.value, "name": name, "until": time.time() + LASTS}
        self._facts.replace(FACT, fact)
        return ticket

    def use(self, ticket: str) -> Caller | None:
        """Return who a ticket signs in, and end it; None if it is not the newest one, was used, or is too old."""
        fact, own = self._facts.get(FACT), _hash(ticket)
        if fact is None or not secrets.compare_digest(str(fact["id"]), own) or fact["until"] < time.time():
            return None
        return Caller(CallerKind(fact["kind"]), fact["name"]) if self._facts.exchange(FACT, own, None) else None


def _hash(ticket: str) -> str:
    return hashlib.sha256(ticket.encode(errors="replace")).hexdigest()
