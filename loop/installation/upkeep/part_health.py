"""What `loop up` knows of the health of a part, and when the part has to start again. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

PATIENCE = 2  # failed checks in a row after which a part starts again
GRACE_SECONDS = 90.0  # in which a part that has just started need not work yet
STEADY_SECONDS = 60.0  # after which a part that runs is no longer one that dies again and again
BACKOFF = (1.0, 30.0)  # seconds before a part starts again: the first time, and at most


@dataclass(slots=True)
class PartHealth:
    """The health of one part since its last start; moments are seconds of a clock that never goes back."""

    started_at: float
    delay: float = BACKOFF[0]
    due_at: float | None = None  # when the part starts again
    has_worked: bool = False
    failures: int = 0
    fault: str = ""  # that the last check found
    restarts: int = 0
    vain_starts: int = 0  # restarts since it last worked
    reason: str = ""  # of the last restart
    restarted_at: datetime | None = None
    is_checked: bool = True  # by the watch

    def is_starting(self, now: float) -> bool:
        """Whether the part has just started, for the second time in a row at most, and was not seen to work yet."""
        is_hoped_for = self.vain_starts < 2 and now - self.started_at < GRACE_SECONDS
        return self.is_checked and not self.has_worked and is_hoped_for

    def note(self, fault: str) -> bool:
        """Note the fault that a check found, empty for none; return whether this is the first check without a fault."""
        self.fault = fault
        self.failures = self.failures + 1 if fault else 0
        is_first = not fault and not self.has_worked
        self.has_worked |= is_first
        self.vain_starts = self.vain_starts if fault else 0
        return is_first

    def reason_to_restart(self, now: float, *, is_alive: bool) -> str:
        """Return why the part has to start again; empty where it need not."""
        if not is_alive:
            return "died"
        is_settled = self.has_worked or now - self.started_at > GRACE_SECONDS
        return f"fails its work ({self.fault})" if self.failures >= PATIENCE and is_settled else ""

    def plan_restart(self, now: float, reason: str, moment: datetime) -> float:
        """Plan the next start; return the seconds until then, which double for a part that fails soon again."""
        if now - self.started_at > STEADY_SECONDS:
            self.delay = BACKOFF[0]
        self.due_at, self.reason, self.restarted_at = now + self.delay, reason, moment
        self.restarts += 1
        self.vain_starts += 1
        return self.delay

    def note_start(self, now: float) -> None:
        """Note that the part has started."""
        self.started_at, self.due_at = now, None
        self.delay = min(BACKOFF[1], 2 * self.delay)
        self.has_worked, self.failures, self.fault = False, 0, ""
