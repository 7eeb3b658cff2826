"""Which version serves: promote, roll back, pin; the queue in Label Studio follows."""

from __future__ import annotations

from contextlib import suppress

from loop.errors import Pinned, UpstreamError
from loop.notices import Kind
from loop.registry.follow import ask_refresh, follow
from loop.registry.moves import PREVIOUS
from loop.registry.room import RegistryRoom
from loop.registry.store import Version

MOVES = (Kind.MODEL_PROMOTED, Kind.MODEL_ROLLED_BACK)


def promote(registry: RegistryRoom, project_id: int, name: str, why: str) -> Version:
    """
    Let a version serve, and have the open tasks predicted anew by it.

    Raises UnknownVersion, Pinned, and, before anything has moved, DamagedWeights or WeightsRefused where the version
    does not detect here. That tasks are to be predicted is remembered first, so wherever this is cut off, the sweep
    lets Label Studio follow what serves.
    """
    registry.load(registry.versions.get(project_id, name))
    registry.studio.projects.ask_refresh(project_id)
    version = registry.versions.promote(project_id, name, why)
    announce_move(registry, version, Kind.MODEL_PROMOTED, why)
    ask_refresh(registry, project_id)
    return version


def promote_unless_pinned(registry: RegistryRoom, project_id: int, name: str, why: str) -> Pinned | None:
    """
    Promote what the gate passed; where the project is to stay on another version, return that.

    Done again by a training that was killed, it does nothing: somebody may have rolled back meanwhile.
    """
    if registry.moves.has_served(project_id, name):
        return None
    try:
        promote(registry, project_id, name, why)
    except Pinned as pinned:
        return pinned
    return None


def roll_back(registry: RegistryRoom, project_id: int, why: str) -> Version:
    """
    Let the version serve that served before, at once; its stored predictions are in force again.

    Where Label Studio does not answer, the sweep sets its model_version when it does. Raises NoChampion, Pinned, and,
    before anything has moved, DamagedWeights or WeightsRefused.
    """
    previous = registry.versions.at(project_id, PREVIOUS)
    if previous:
        registry.load(previous)
    registry.studio.projects.ask_refresh(project_id)
    version = registry.versions.roll_back(project_id, why)
    announce_move(registry, version, Kind.MODEL_ROLLED_BACK, why)
    _follow(registry, project_id)
    return version


def pin(registry: RegistryRoom, project_id: int, name: str, why: str) -> Version:
    """Let a version serve, and keep it there whatever the gate says. Raises what `promote` raises."""
    registry.studio.projects.get(project_id)
    registry.load(registry.versions.get(project_id, name))
    registry.studio.projects.ask_refresh(project_id)
    version = registry.versions.promote(project_id, name, why, pin=True)
    announce_move(registry, version, Kind.MODEL_PROMOTED, why)
    _follow(registry, project_id)
    return version


def unpin(registry: RegistryRoom, project_id: int) -> str | None:
    """Let the gate decide again from the next training on; return the version it was pinned to."""
    pinned = registry.studio.projects.get(project_id).pinned
    registry.versions.unpin(project_id)
    return pinned


def _follow(registry: RegistryRoom, project_id: int) -> None:
    with suppress(UpstreamError):  # the refresh that is asked for follows later
        follow(registry, project_id)
    ask_refresh(registry, project_id)


def announce_move(registry: RegistryRoom, version: Version, kind: Kind, why: str) -> bool:
    """Post that *version* serves now, once a move however often it is called; return whether that was news."""
    project_id, move = version.project_id, str(registry.moves.last(version.project_id))
    if any(registry.outbox.has(project_id, one, move) for one in MOVES):
        return False
    return registry.outbox.post(project_id, kind, move, {"version": version.name, "why": why})


def catch_up(registry: RegistryRoom, project_id: int) -> bool:
    """Post the last move where a process was killed between moving and saying so; return whether it was."""
    champion = registry.versions.champion(project_id)
    return champion is not None and announce_move(registry, champion, Kind.MODEL_PROMOTED, "found by the sweep")
