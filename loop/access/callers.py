"""The senders of requests to the backend, and the routes that are open to each. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

READING = frozenset(("GET", "HEAD", "OPTIONS"))


class CallerKind(StrEnum):
    """How the sender of a request has shown who it is."""

    WEBHOOK = "webhook"  # by the secret of a project's webhook
    BACKEND = "backend"  # by the login that Label Studio has for the ML backend of one project
    OPERATOR = "operator"  # by the user and the password of the settings
    TOKEN = "token"  # by a bearer token  # noqa: S105
    READER = "reader"  # by a bearer token that may only read


EVENTS = "intake.webhook"
SIGN_OUT = "dashboard.sign_out"  # changes nothing but the sender's own session
FEW = {  # the routes of the kinds that have few: an operator has all, and tokens have all except that of events
    CallerKind.WEBHOOK: frozenset((EVENTS,)),
    CallerKind.BACKEND: frozenset(("protocol.setup", "protocol.predict", "protocol.versions", EVENTS)),
}


@dataclass(frozen=True, slots=True)
class Caller:
    """The sender of a request; *project* is the only project that it may name, None for every project."""

    kind: CallerKind
    name: str
    project: int | None = None

    def may_name(self, project_id: int) -> bool:
        """Whether its requests may be about a project."""
        return self.project in (None, project_id)

    def may(self, method: str, endpoint: str) -> bool:
        """Whether a route, by the name of its *endpoint* in the backend, is open to it."""
        if self.kind == CallerKind.READER and method not in READING and endpoint != SIGN_OUT:
            return False
        if self.kind in FEW:
            return endpoint in FEW[self.kind]
        return self.kind == CallerKind.OPERATOR or endpoint != EVENTS
