"""Decides when new reviews start a training. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

MOST_VALUE = 10**9  # reviews or seconds that a person may set for a project: more means never


@dataclass(frozen=True, slots=True)
class RetrainPolicy:
    """*retrain_after* new reviews start a training, at the earliest *cool_down* seconds after the last one ended."""

    retrain_after: int = 50
    cool_down: float = 0.0

    def of(self, project: Mapping[str, Any]) -> RetrainPolicy:
        """The policy with the project's own values in place of the defaults."""
        return RetrainPolicy(**{**asdict(self), **read_own(project)})

    def is_due(self, *, new: int, since_last: float | None, since_cancelled: int | None) -> bool:
        """
        Whether *new* reviews start a training now, *since_last* seconds after the last training ended.

        If that training was cancelled, *since_cancelled* counts the reviews since then; at least 1 is needed.
        """
        is_rested = since_last is None or since_last >= self.cool_down
        return new >= self.retrain_after and is_rested and since_cancelled != 0


NAMES = tuple(field.name for field in fields(RetrainPolicy))


def read_own(project: Mapping[str, Any]) -> dict[str, Any]:
    """The project's own values of this policy."""
    return {name: project[name] for name in NAMES if name in project}
