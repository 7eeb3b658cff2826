"""The logins that Label Studio sends to the ML backend of each project."""

from __future__ import annotations

import hmac
import re
from dataclasses import dataclass, field

from loop.access.callers import Caller, CallerKind
from loop.storage.keys import DerivedSecrets
from loop.storage.storable import is_id

OF_PROJECT = re.compile(r"project-([1-9][0-9]{0,18})")


@dataclass(frozen=True, slots=True)
class Login:
    """A user and a password, as HTTP basic auth sends them."""

    user: str
    password: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Logins:
    """
    The login of the settings, if they have one, and a login for each project that follows from our key.

    Label Studio is given the login of the settings, else that of the project, which opens nothing but the routes that
    Label Studio calls, for that project.
    """

    secrets: DerivedSecrets
    own: Login | None = None

    def of_project(self, project_id: int) -> Login:
        """Return the login that Label Studio is to send for a project."""
        return self.own or Login(f"project-{project_id}", self.secrets.of(_purpose(project_id)))

    def identify(self, given: Login) -> Caller | None:
        """Return the sender of a login; None if the login is wrong."""
        if self.own and _is_same(given.user, self.own.user) & _is_same(given.password, self.own.password):
            return Caller(CallerKind.OPERATOR, self.own.user)
        match = OF_PROJECT.fullmatch(given.user)
        project_id = int(match[1]) if match else 0
        if is_id(project_id) and self.secrets.is_of(_purpose(project_id), given.password):
            return Caller(CallerKind.BACKEND, given.user, project_id)
        return None

    def identify_webhook(self, project_id: int, secret: str) -> Caller | None:
        """Return Label Studio's webhook of a project as the sender; None if the secret is not that of the project."""
        if not self.secrets.is_of_webhook(project_id, secret):
            return None
        return Caller(CallerKind.WEBHOOK, f"webhook of project {project_id}", project_id)


def _purpose(project_id: int) -> str:
    return f"backend {project_id}"


def _is_same(given: str, expected: str) -> bool:
    """Compare in a time that tells nothing about *expected* except its length."""
    return hmac.compare_digest(given.encode(), expected.encode())
