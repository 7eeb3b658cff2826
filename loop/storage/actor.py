"""Who makes a change: the user of a command, unless a request, a job or a training names somebody else."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

SCHEDULE, LABEL_STUDIO = "schedule", "Label Studio"
_ACTOR: ContextVar[str] = ContextVar("actor")


def who_acts() -> str:
    """Return who makes the changes of this thread, by default the user of the operating system."""
    return _ACTOR.get("") or _user()


def act_as(name: str) -> None:
    """Name who makes the changes of this thread from now on."""
    _ACTOR.set(name)


@contextmanager
def acting_as(name: str) -> Iterator[None]:
    """Name who makes the changes of the `with` block."""
    token = _ACTOR.set(name)
    try:
        yield
    finally:
        _ACTOR.reset(token)


def _user() -> str:
    import pwd  # not on Windows, where no command changes records

    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:  # as in a container with a user of its own
        return f"uid {os.getuid()}"
