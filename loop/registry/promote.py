"""Decides which version serves: promotes, rolls back and pins; the queue in Label Studio follows."""

from __future__ import annotations

from contextlib import suppress

from loop.errors import Pinned, UpstreamError
from loop.notices import NoticeKind
from loop.registry.follow import ask_refresh, follow
from loop.registry.moves import PREVIOUS
from loop.registry.room import RegistryRoom
from loop.registry.store import Version

MOVES = (NoticeKind.MODEL_PROMOTED, NoticeKind.MODEL_ROLLED_BACK)


def promote(registry: RegistryRoom, project_id: int, name: str, why: str) -> Version:
    """
    Make a version the champion, and ask that it predicts the open tasks again.

    Raises UnknownVersion, Pinned, and, before anything has moved, DamagedWeights or WeightsRefused where the version
    does not detect on this machine. The request for predictions is recorded first: where the process is killed, the
    sweep makes Label Studio follow the champion.
    """
    registry.load(registry.versions.get(project_id, name))
    registry.studio.projects.ask_refresh(project_id)
    version = registry.versions.promote(project_id, name, why)
    announce_move(registry, version, NoticeKind.MODEL_PROMOTED, why)
    ask_refresh(registry, project_id)
    return version


def promote_unless_pinned(registry: RegistryRoom, project_id: int, name: str, why: str) -> Pinned | None:
    """
    Promote a version that the gate passed; return the error where the project is pinned to another version.

    A training that was killed calls this again. Then it does nothing: a person may have rolled back meanwhile.
    """
    if registry.moves.has_served(project_id, name):
        return None
    try:
        promote(registry, project_id, name, why)
    except Pinned as pinned:
        return pinned
    return None


def roll_back(registry: RegistryRoom, project_id: int, why: str, to: str | None = None) -> Version:
    """
    Make the previous version the champion at once; Label Studio uses its stored predictions again.

    *to* is the name of that version as a person saw it: done twice without it, this goes forward again. Where Label
    Studio does not answer, the sweep sets its model_version later. Raises NoChampion, Pinned, and, before anything has
    moved, RegistryError where another version is the previous one by now, DamagedWeights or WeightsRefused.
    """
    previous = registry.versions.at(project_id, PREVIOUS)
    if previous:
        registry.load(previous)
    registry.studio.projects.ask_refresh(project_id)
    version = registry.versions.roll_back(project_id, why, to or (previous.name if previous else None))
    announce_move(registry, version, NoticeKind.MODEL_ROLLED_BACK, why)
    _follow(registry, project_id)
    return version


def pin(registry: RegistryRoom, project_id: int, name: str, why: str) -> Version:
    """Make a version the champion whatever the gate rules. Raises the errors of `promote`."""
    registry.studio.projects.get(project_id)
    registry.load(registry.versions.get(project_id, name))
    registry.studio.projects.ask_refresh(project_id)
    version = registry.versions.promote(project_id, name, why, pin=True)
    announce_move(registry, version, NoticeKind.MODEL_PROMOTED, why)
    _follow(registry, project_id)
    return version


def unpin(registry: RegistryRoom, project_id: int, why: str) -> str | None:
    """Remove the pin: the gate decides again from the next training on. Return the version that was pinned."""
    registry.studio.projects.get(project_id)
    return registry.versions.unpin(project_id, why)


def _follow(registry: RegistryRoom, project_id: int) -> None:
    with suppress(UpstreamError):  # the refresh sets it later
        follow(registry, project_id)
    ask_refresh(registry, project_id)


def announce_move(registry: RegistryRoom, version: Version, kind: NoticeKind, why: str) -> bool:
    """Post a notice that *version* serves now, once for each move; return whether it was posted now."""
    project_id, move = version.project_id, str(registry.moves.last(version.project_id))
    if any(registry.outbox.has(project_id, move_kind, move) for move_kind in MOVES):
        return False
    return registry.outbox.post(project_id, kind, move, {"version": version.name, "why": why})


def catch_up(registry: RegistryRoom, project_id: int) -> bool:
    """Post the notice of the last move where a process was killed before it could; return whether it was missing."""
    champion = registry.versions.champion(project_id)
    return champion is not None and announce_move(registry, champion, NoticeKind.MODEL_PROMOTED, "found by the sweep")
