"""Keeps the parts of an installation at work: starts those again that died, and those that fail their work."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime

from loop.errors import LoopError
from loop.installation.processes import EmbeddedRedis, Program
from loop.installation.upkeep.part_health import PartHealth
from loop.installation.upkeep.watch import PartWatch
from loop.process_table import kill_tree


class Keeper:
    """
    Looks after *parts*.

    *write* is called with the health of all parts when it has changed.
    """

    def __init__(
        self,
        parts: Sequence[Program],
        write: Callable[[Mapping[str, PartHealth]], None],
        say: Callable[[str], None],
    ) -> None:
        self._parts, self._write, self._say = parts, write, say
        self._health = {part.name: PartHealth(time.monotonic(), is_checked=_is_checked(part)) for part in parts}
        self._written: object = None
        write(self._health)  # all are starting

    def note_starts(self) -> None:
        """Note that all parts have been started only now: Redis may have read its data for long before the others."""
        for health in self._health.values():
            health.started_at = time.monotonic()

    def look(self) -> None:
        """Look at every part once, and start again those for which it is time."""
        for watch in self._parts:
            for name, fault in watch.reports() if isinstance(watch, PartWatch) else ():
                self._note(name, fault)
        for part in self._parts:
            self._keep(part, self._health[part.name])
        now = time.monotonic()
        seen = [(health.fault, health.restarts, health.is_starting(now)) for health in self._health.values()]
        if seen != self._written:
            self._write(self._health)
            self._written = seen

    def _note(self, name: str, fault: str) -> None:
        health = self._health.get(name)
        if health is None or health.due_at is not None:  # the report is about a process that has ended
            return
        if health.note(fault) and health.restarts:
            self._say(f"{name:<18} works again")

    def _keep(self, part: Program, health: PartHealth) -> None:
        now = time.monotonic()
        if health.due_at is None:
            if reason := health.reason_to_restart(now, is_alive=part.is_alive()):
                delay = health.plan_restart(now, reason, datetime.now(UTC))
                self._say(f"{part.name:<18} {reason}, starts again in {delay:.0f} s")
                _end(part)
        elif now >= health.due_at:
            health.note_start(now)
            try:
                part.start()
            except (LoopError, OSError) as error:  # such as no memory for a process: it counts as died, and waits
                self._say(f"{part.name:<18} {error}")


def _is_checked(part: Program) -> bool:
    """Whether the watch checks a part; Redis has to answer before its start ends."""
    return not isinstance(part, PartWatch | EmbeddedRedis)


def _end(part: Program) -> None:
    """Kill a part that runs and does not work, with all that it started: it may be stopped or stuck."""
    if part.process and part.is_running():
        kill_tree(part.process.pid)
        part.process.wait()
