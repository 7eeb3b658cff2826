"""Promotes a version by hand, and refuses a version that the gate did not pass unless it is forced."""

from __future__ import annotations

from loop.errors import NotPassed
from loop.gate.parity import export_before_serving
from loop.gate.room import GateRoom
from loop.gate.rule import find_objection
from loop.registry.promote import promote
from loop.registry.store import Version


def promote_by_hand(gate: GateRoom, project_id: int, name: str, why: str | None, *, is_forced: bool = False) -> Version:
    """
    Let a version serve by decision of a person. Raises UnknownVersion, NotPassed and the errors of `promote`.

    A version that the gate refused, held or never judged must be forced, with a reason, unless it has served before.
    """
    version = gate.registry.versions.get(project_id, name)
    outcome = gate.reports.read_outcome(project_id, version.name)
    has_served = gate.registry.moves.has_served(project_id, version.name)
    objection = find_objection(outcome, has_served=has_served)
    if objection and not (is_forced and why and why.strip()):
        raise NotPassed(version.name, objection)
    if not has_served:  # a version that served without an export goes on as it was
        export_before_serving(gate, version)
    return promote(gate.registry, project_id, version.name, why or "by hand")
