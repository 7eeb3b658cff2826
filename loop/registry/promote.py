"""Which version serves: promote, roll back, pin; the queue in Label Studio follows."""

from __future__ import annotations

from contextlib import suppress

from loop.errors import Pinned, UpstreamError
from loop.notices import Kind
from loop.parts import Parts
from loop.registry.follow import ask_refresh, follow
from loop.registry.moves import PREVIOUS
from loop.registry.store import Version

MOVES = (Kind.MODEL_PROMOTED, Kind.MODEL_ROLLED_BACK)


def promote(parts: Parts, project_id: int, name: str, why: str) -> Version:
    """
    Let a version serve, and have the open tasks predicted anew by it.

    Raises UnknownVersion, Pinned, and, before anything has moved, DamagedWeights or WeightsRefused where the version
    does not detect here. That tasks are to be predicted is remembered first, so wherever this is cut off, the sweep
    lets Label Studio follow what serves.
    """
    parts.load(parts.registry.get(project_id, name))
    parts.projects.ask_refresh(project_id)
    version = parts.registry.promote(project_id, name, why)
    announce_move(parts, version, Kind.MODEL_PROMOTED, why)
    ask_refresh(parts, project_id)
    return version


def promote_unless_pinned(parts: Parts, project_id: int, name: str, why: str) -> Pinned | None:
    """
    Promote what the gate passed; where the project is to stay on another version, return that.

    Done again by a training that was killed, it does nothing: somebody may have rolled back meanwhile.
    """
    if parts.moves.has_served(project_id, name):
        return None
    try:
        promote(parts, project_id, name, why)
    except Pinned as pinned:
        return pinned
    return None


def roll_back(parts: Parts, project_id: int, why: str) -> Version:
    """
    Let the version serve that served before, at once; its stored predictions are in force again.

    Where Label Studio does not answer, the sweep sets its model_version when it does. Raises NoChampion, Pinned, and,
    before anything has moved, DamagedWeights or WeightsRefused.
    """
    previous = parts.registry.at(project_id, PREVIOUS)
    if previous:
        parts.load(previous)
    parts.projects.ask_refresh(project_id)
    version = parts.registry.roll_back(project_id, why)
    announce_move(parts, version, Kind.MODEL_ROLLED_BACK, why)
    _follow(parts, project_id)
    return version


def pin(parts: Parts, project_id: int, name: str, why: str) -> Version:
    """Let a version serve, and keep it there whatever the gate says. Raises what `promote` raises."""
    parts.projects.get(project_id)
    parts.load(parts.registry.get(project_id, name))
    parts.projects.ask_refresh(project_id)
    version = parts.registry.promote(project_id, name, why, pin=True)
    announce_move(parts, version, Kind.MODEL_PROMOTED, why)
    _follow(parts, project_id)
    return version


def unpin(parts: Parts, project_id: int) -> str | None:
    """Let the gate decide again from the next training on; return the version it was pinned to."""
    pinned = parts.projects.get(project_id).pinned
    parts.registry.unpin(project_id)
    return pinned


def _follow(parts: Parts, project_id: int) -> None:
    with suppress(UpstreamError):  # the refresh that is asked for follows later
        follow(parts, project_id)
    ask_refresh(parts, project_id)


def announce_move(parts: Parts, version: Version, kind: Kind, why: str) -> bool:
    """Post that *version* serves now, once a move however often it is called; return whether that was news."""
    project_id, move = version.project_id, str(parts.moves.last(version.project_id))
    if any(parts.outbox.has(project_id, one, move) for one in MOVES):
        return False
    return parts.outbox.post(project_id, kind, move, {"version": version.name, "why": why})


def catch_up(parts: Parts, project_id: int) -> bool:
    """Post the last move where a process was killed between moving and saying so; return whether it was."""
    champion = parts.registry.champion(project_id)
    return champion is not None and announce_move(parts, champion, Kind.MODEL_PROMOTED, "found by the sweep")
