"""When new reviews ask for a training by themselves. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any


@dataclass(frozen=True, slots=True)
class RetrainPolicy:
    """So many new reviews ask for a training, *cool_down* seconds after the last one ended at the earliest."""

    retrain_after: int = 50
    cool_down: float = 0.0

    def of(self, project: Mapping[str, Any]) -> RetrainPolicy:
        """The policy of a project, which decides some of it otherwise."""
        return RetrainPolicy(**{**asdict(self), **own(project)})

    def is_due(self, *, new: int, since_last: float | None, since_cancelled: int | None) -> bool:
        """
        Whether *new* reviews ask now, *since_last* seconds after the last training ended.

        Where that one was cancelled, one review at least must have come since (*since_cancelled* of them did).
        """
        is_rested = since_last is None or since_last >= self.cool_down
        return new >= self.retrain_after and is_rested and since_cancelled != 0


NAMES = tuple(field.name for field in fields(RetrainPolicy))


def own(project: Mapping[str, Any]) -> dict[str, Any]:
    """The part of a project's own decisions that is about when to train."""
    return {name: project[name] for name in NAMES if name in project}
