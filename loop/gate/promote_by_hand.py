"""Promotes a version by hand, and refuses a version that the gate did not pass unless it is forced."""

from __future__ import annotations

from loop.errors import NotPassed, Pinned
from loop.gate.parity import export_before_serving
from loop.gate.room import GateRoom
from loop.gate.rule import find_objection
from loop.registry.promote import promote
from loop.registry.store import Version


def check_promotion(gate: GateRoom, project_id: int, name: str, why: str | None, *, is_forced: bool = False) -> Version:
    """
    Return the version that a person wants to serve. Raises UnknownVersion, NotPassed, Pinned.

    A version that the gate refused, held or never judged must be forced, with a reason, unless it has served before.
    """
    version = gate.registry.versions.get(project_id, name)
    objection = find_promotion_objection(gate, version)
    if objection and not (is_forced and why and why.strip()):
        raise NotPassed(version.name, objection)
    pinned = gate.studio.projects.get(project_id).pinned
    if pinned not in (None, version.name):
        raise Pinned(project_id, pinned)
    return version


def find_promotion_objection(gate: GateRoom, version: Version) -> str | None:
    """Say why a person must force a version to serve, if so."""
    project_id, name = version.project_id, version.name
    outcome = gate.reports.read_outcome(project_id, name)
    return find_objection(outcome, has_served=gate.registry.moves.has_served(project_id, name))


def promote_by_hand(gate: GateRoom, project_id: int, name: str, why: str | None, *, is_forced: bool = False) -> Version:
    """Let a version serve by decision of a person. Raises the errors of `check_promotion` and of `promote`."""
    version = check_promotion(gate, project_id, name, why, is_forced=is_forced)
    if not gate.registry.moves.has_served(project_id, version.name):  # one that served without an export goes on so
        export_before_serving(gate, version)
    return promote(gate.registry, project_id, version.name, why or "by hand")
