"""Have others told that another version serves."""

from __future__ import annotations

from loop.notices import Kind
from loop.parts import Parts
from loop.registry.store import Version

MOVES = (Kind.MODEL_PROMOTED, Kind.MODEL_ROLLED_BACK)


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
