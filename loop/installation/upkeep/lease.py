"""The lease of the machine that runs `loop up`, in records that several machines have."""

from __future__ import annotations

import logging
import secrets
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any

from loop.errors import MachineUnfit, RecordsDown
from loop.storage.installation_store import InstallationStore

LEASE = "leader"  # the fact in the records
log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Lease:
    """
    The right to run an installation. Its holder changes the record every *beat* seconds.

    No clock is compared with that of another machine: a record that does not change for *patience* seconds, by the
    clock of the machine that watches it, is of a `loop up` that is dead.
    """

    facts: InstallationStore
    beat: float = 5.0
    patience: float = 20.0

    @contextmanager
    def hold(
        self,
        here: Mapping[str, str],
        give_up: Callable[[], None],
        say: Callable[[str], None],
        is_stopping: Callable[[], bool],
    ) -> Iterator[None]:
        """
        Hold the lease for the `with` block. *here* has the host and the boot of this machine, and its LOOP_HOME.

        *give_up* is called if another machine took the lease, because this one was silent for too long. Raises
        MachineUnfit, with the host of the other machine, then and if another machine holds the lease.
        """
        own = self._take(here, say, is_stopping)
        ended, lost = threading.Event(), list[str]()

        def renew() -> None:
            while not ended.wait(self.beat):
                if holder := self._renew(own):
                    lost.append(holder)
                    give_up()
                    return

        thread = threading.Thread(target=renew, daemon=True)
        thread.start()
        try:
            yield
        finally:
            ended.set()
            thread.join(2.0)  # it may wait for the records
            with suppress(RecordsDown):  # the next one waits until the record counts as dead
                self.facts.exchange(LEASE, own["id"], None)
        if lost:
            raise MachineUnfit(f"{lost[0]}: this machine could not reach the records for too long, and has stopped")

    def _take(
        self, here: Mapping[str, str], say: Callable[[str], None], is_stopping: Callable[[], bool]
    ) -> dict[str, Any]:
        own: dict[str, Any] = {**here, "id": secrets.token_hex(16), "beat": 0}
        holder = self.facts.get(LEASE)
        if holder and not _is_same(holder, here):  # of this LOOP_HOME the lock is enough, which this process holds
            say(f"`loop up` ran on {holder['host']}: waiting {self.patience:.0f} s to see whether it still does")
            holder = self._watch(holder, is_stopping)
        if not self.facts.exchange(LEASE, holder["id"] if holder else None, own):
            raise MachineUnfit(_describe(self.facts.get(LEASE) or own))
        return own

    def _watch(self, holder: Mapping[str, Any], is_stopping: Callable[[], bool]) -> Mapping[str, Any] | None:
        """Return the record once it counts as dead, None once it is gone. Raises MachineUnfit where it changes."""
        deadline = time.monotonic() + self.patience
        while time.monotonic() < deadline:
            if is_stopping():
                raise MachineUnfit(f"stopped before it was clear whether `loop up` still runs on {holder['host']}")
            time.sleep(min(1.0, self.patience / 10))
            found = self.facts.get(LEASE)
            if found is None:
                return None
            if found != holder:
                raise MachineUnfit(_describe(found))
        return holder

    def _renew(self, own: dict[str, Any]) -> str:
        """Change the record; return the machine that took the lease, empty if none did."""
        own["beat"] += 1
        try:
            if self.facts.exchange(LEASE, own["id"], own) or self.facts.exchange(LEASE, None, own):
                return ""
            return _describe(self.facts.get(LEASE) or {"host": "another machine"})
        except RecordsDown as error:
            log.warning("the lease is not renewed: %s", error)
            return ""


def _is_same(holder: Mapping[str, Any], here: Mapping[str, str]) -> bool:
    """Whether a record is of the same LOOP_HOME on the same machine."""
    return here["boot"] != "" and all(holder.get(name) == here.get(name) for name in ("boot", "folder"))


def _describe(holder: Mapping[str, Any]) -> str:
    return f"`loop up` runs on {holder['host']}: only one machine of an installation may run it, see docs/scale.md"
