"""Send what is due to its receivers: each at least once, none waiting for another."""

from __future__ import annotations

import asyncio
import random
import time
from datetime import UTC, datetime

from loop.failures import fault_of
from loop.notice_sender import Answer, Courier
from loop.notices import RetryPolicy
from loop.outbox import Delivery, Outbox

RUN_SECONDS = 10.0  # a run begins no delivery after that; the sweep asks for the next run
LOOK_SECONDS = 0.2  # how often a receiver's new notices are looked for while others are still at it
NOT_NOW = (429, 503)  # Too Many Requests, Service Unavailable
BATCH = 50  # deliveries of a receiver read at a time


def deliver(outbox: Outbox, sender: Courier, policy: RetryPolicy | None = None) -> str:
    """
    Send what is due, to all receivers at once, to each in the order it became due.

    A receiver that does not answer rests until the next run; what waited for it in vain for a day is given up like what
    was tried in vain. What is sent and not recorded, because we were killed in between,
    is sent again with the same id.
    """
    sent, failed = asyncio.run(_Run(outbox, sender, policy or RetryPolicy()).all())
    return f"{sent} delivered, {failed} failed"


class _Run:
    """One run over all receivers."""

    def __init__(self, outbox: Outbox, sender: Courier, policy: RetryPolicy) -> None:
        self._outbox, self._sender, self._policy = outbox, sender, policy
        self._ends_at = time.monotonic() + RUN_SECONDS
        self._busy: set[str] = set()
        self._sent = self._failed = 0

    async def all(self) -> tuple[int, int]:
        """Serve every receiver; return how many deliveries succeeded and failed."""
        self._busy = set(self._outbox.receivers)
        async with asyncio.TaskGroup() as group:
            for url in self._outbox.receivers:
                group.create_task(self._serve(url))
        return self._sent, self._failed

    async def _serve(self, url: str) -> None:
        """Send a receiver what is due until nothing is and all others are done too, or until it fails."""
        while time.monotonic() < self._ends_at:
            for delivery in self._outbox.due(url, most=BATCH):
                self._busy.add(url)
                if time.monotonic() > self._ends_at or await self._is_unwell(delivery):
                    self._busy.discard(url)
                    return
            self._busy.discard(url)
            if not self._busy and not self._outbox.due(url, most=1):
                return
            await asyncio.sleep(LOOK_SECONDS)

    async def _is_unwell(self, delivery: Delivery) -> bool:
        """Send one, and tell whether its receiver had better be left alone for now. What cannot be sent is given up."""
        try:
            answer = await self._sender.send(delivery.notice, delivery.url)
        except Exception as error:  # noqa: BLE001 (whatever a notice comes to)
            fault = fault_of(error)
            fault.log(f"notice {delivery.notice.id}")
            self._outbox.record(delivery, status=None, error=fault.error)
            self._failed += 1
            return False
        self._outbox.record(
            delivery, status=answer.status, error=answer.error, due_at=self._due_again(delivery, answer)
        )
        self._sent += answer.error is None
        self._failed += answer.error is not None
        if answer.status is None:
            self._outbox.give_up_untried(delivery.url, datetime.now(UTC) - self._policy.longest_life)
        return answer.status in (None, *NOT_NOW)

    def _due_again(self, delivery: Delivery, answer: Answer) -> datetime | None:
        wait = self._policy.next_wait(delivery.attempts + 1, random.random()) if answer.error else None
        return datetime.now(UTC) + wait if wait else None
