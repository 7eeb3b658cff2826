"""The file by which `loop up` lets other commands know how its parts are."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from loop import process_table as processes
from loop.installation.upkeep.part_health import PartHealth
from loop.storage.files import write_whole

FILE = "parts.json"


@dataclass(frozen=True, slots=True)
class PartState:
    """What `loop up` last saw of a part: its *fault* now, and when and why it was started again."""

    fault: str
    restarts: int
    reason: str
    restarted_at: str  # in ISO 8601; empty where it runs since the start
    is_starting: bool = False  # no check has found yet that it works

    def __str__(self) -> str:
        times = "once" if self.restarts == 1 else f"{self.restarts} times"
        again = f"started again {times}, last {self.restarted_at[:19].replace('T', ' ')} UTC: it {self.reason}"
        now = "is starting" if self.is_starting else f"fails its work ({self.fault})" if self.fault else ""
        return "; ".join(text for text in (now, again if self.restarts else "") if text) or "works"

    @property
    def is_failing(self) -> bool:
        """Whether the last check found a fault, and the part has had time to start."""
        return bool(self.fault) and not self.is_starting

    def is_recent(self, span: timedelta) -> bool:
        """Whether the part was started again within a time span."""
        return bool(self.restarted_at) and datetime.now(UTC) - datetime.fromisoformat(self.restarted_at) < span


def write(home: Path, run: str, parts: Mapping[str, PartHealth]) -> None:
    """Write the states of all parts, whose processes carry the mark *run*; on a full disk the old ones stay."""
    states = {name: asdict(_state(health)) for name, health in parts.items()}
    with suppress(OSError):
        write_whole(json.dumps({"run": run, "parts": states}).encode(), home / FILE)


def read(home: Path) -> dict[str, PartState]:
    """
    Return the states of the parts of the `loop up` that runs; empty where none runs on this machine.

    A `loop up` that was killed leaves the file. Its id says nothing: in a container each has the same.
    """
    try:
        content = json.loads((home / FILE).read_bytes())
    except FileNotFoundError:
        return {}
    is_running = bool(processes.find(content["run"]))
    return {name: PartState(**state) for name, state in content["parts"].items()} if is_running else {}


def find_starting(home: Path) -> set[str]:
    """Return the names of the parts that `loop up` has started and that do not work yet."""
    return {name for name, state in read(home).items() if state.is_starting}


def remove(home: Path) -> None:
    """Remove the file: the parts have stopped."""
    (home / FILE).unlink(missing_ok=True)


def _state(health: PartHealth) -> PartState:
    moment = health.restarted_at.isoformat() if health.restarted_at else ""
    is_starting = health.is_starting(time.monotonic())
    return PartState(health.fault, health.restarts, health.reason, moment, is_starting)
