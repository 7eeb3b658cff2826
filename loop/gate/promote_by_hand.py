"""Promotes a version by hand, and refuses a version that the gate did not pass unless it is forced."""

from __future__ import annotations

from loop.errors import NotPassed
from loop.gate.rule import Outcome, objection_to_promoting
from loop.parts import Parts
from loop.registry.promote import promote
from loop.registry.store import Version

OUTCOMES = {  # the outcome of the gate, by the state of the training that made a version
    "promoted": Outcome.PROMOTED,
    "passed": Outcome.PROMOTED,  # the project was pinned to another version
    "refused": Outcome.REFUSED,
    "held": Outcome.HELD,
}


def promote_by_hand(parts: Parts, project_id: int, name: str, why: str | None, *, is_forced: bool = False) -> Version:
    """
    Let a version serve by decision of a person. Raises UnknownVersion, NotPassed and the errors of `promote`.

    A version that the gate refused, held or never judged must be forced, with a reason, unless it has served before.
    """
    version = parts.registry.get(project_id, name)
    training = parts.trainings.of_version(project_id, version.name)
    outcome = OUTCOMES.get(training.state) if training else None
    has_served = parts.moves.has_served(project_id, version.name)
    objection = objection_to_promoting(outcome, has_served=has_served)
    if objection and not (is_forced and why and why.strip()):
        raise NotPassed(version.name, objection)
    return promote(parts, project_id, version.name, why or "by hand")
