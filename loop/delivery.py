"""Sends the notices that are due: signed, to each receiver at least once, no receiver waiting for another."""

from __future__ import annotations

import asyncio
import base64
import random
import re
import ssl
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from loop.failures import fault_of
from loop.notices import Delivery, Notice, Outbox
from loop.once import Once

STANDARD_KEY = re.compile(r"whsec_(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{4}|[A-Za-z0-9+/]{3}=|[A-Za-z0-9+/]{2}==)")
SECONDS = 10.0  # for one delivery, from the first byte sent to the status received
RUN_SECONDS = 10.0  # a run begins no delivery after this; the sweep asks for the next run
LOOK_SECONDS = 0.2  # between two checks for new notices to a receiver while other receivers are served
NOT_NOW = (429, 503)  # Too Many Requests, Service Unavailable
BATCH = 50  # deliveries to a receiver that are read at a time


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """
    When a failed delivery is tried again.

    The wait grows from *first* by *factor* up to *longest*, all in seconds. It varies at random by up to *jitter*, to
    spread deliveries that failed at the same time. Eleven waits make 22.5 hours.
    """

    first: float = 5.0
    factor: float = 3.0
    longest: float = 6 * 3600.0
    jitter: float = 0.2
    most_attempts: int = 12
    longest_life: timedelta = timedelta(days=1)  # of deliveries that were never tried: their receiver did not answer

    def next_wait(self, attempts: int, chance: float) -> timedelta | None:
        """Return the wait after a number of failed attempts, by a *chance* in [0, 1]; None after the last attempt."""
        if attempts >= self.most_attempts:
            return None
        wait = min(self.longest, self.first * self.factor ** (attempts - 1))
        return timedelta(seconds=wait * (1 + self.jitter * (2 * chance - 1)))


@dataclass(frozen=True, slots=True)
class DeliveryAnswer:
    """The answer of a receiver: its status, None without an answer; *error* is None where it took the notice."""

    status: int | None
    error: str | None


class NoticeSender:
    """Sends signed notices by HTTP. The operator chooses the receivers: they may have private addresses."""

    def __init__(self, key: Callable[[], str], *, seconds: float = SECONDS) -> None:
        self.key, self._seconds = key, seconds
        self._ssl = Once(_read_certificates)

    async def send(self, notice: Notice, url: str) -> DeliveryAnswer:
        """
        Send one notice; only an answer of 2xx counts, redirects are not followed.

        The body of the answer is not read: a receiver that answers slowly has no more time than any other.
        """
        import httpx

        signed = headers(notice, self.key(), datetime.now(UTC))
        try:
            async with (
                asyncio.timeout(self._seconds),
                httpx.AsyncClient(verify=self._ssl.get()) as client,
                client.stream("POST", url, content=notice.body(), headers=signed) as answer,
            ):
                status = answer.status_code
        except TimeoutError:
            return DeliveryAnswer(None, f"no answer within {self._seconds:g} s")
        except (httpx.HTTPError, httpx.InvalidURL, ValueError) as error:
            return DeliveryAnswer(None, f"{type(error).__name__}: {error}"[:300])
        return DeliveryAnswer(status, None if 200 <= status < 300 else f"answered {status}")


def deliver(outbox: Outbox, sender: NoticeSender, policy: RetryPolicy | None = None) -> str:
    """
    Send the deliveries that are due, to all receivers at once, to each in the order in which they became due.

    A receiver that does not answer rests until the next run. Deliveries that failed too often, or waited a day for a
    receiver that does not answer, are given up. A delivery that was sent but not recorded, because the process was
    killed in between, is sent again with the same id.
    """
    sent, failed = asyncio.run(_DeliveryRun(outbox, sender, policy or RetryPolicy()).serve_all())
    return f"{sent} delivered, {failed} failed"


class _DeliveryRun:
    """One run over all receivers."""

    def __init__(self, outbox: Outbox, sender: NoticeSender, policy: RetryPolicy) -> None:
        self._outbox, self._sender, self._policy = outbox, sender, policy
        self._ends_at = time.monotonic() + RUN_SECONDS
        self._busy: set[str] = set()
        self._sent = self._failed = 0

    async def serve_all(self) -> tuple[int, int]:
        """Serve every receiver; return how many deliveries succeeded and failed."""
        self._busy = set(self._outbox.receivers)
        async with asyncio.TaskGroup() as group:
            for url in self._outbox.receivers:
                group.create_task(self._serve(url))
        return self._sent, self._failed

    async def _serve(self, url: str) -> None:
        """Send to a receiver until nothing is due and all other receivers are done too, or until it has to rest."""
        while time.monotonic() < self._ends_at:
            for delivery in self._outbox.due(url, most=BATCH):
                self._busy.add(url)
                if time.monotonic() > self._ends_at or await self._has_to_rest(delivery):
                    self._busy.discard(url)
                    return
            self._busy.discard(url)
            if not self._busy and not self._outbox.due(url, most=1):
                return
            await asyncio.sleep(LOOK_SECONDS)

    async def _has_to_rest(self, delivery: Delivery) -> bool:
        """Send one delivery; return whether its receiver has to rest. A notice that cannot be sent is given up."""
        try:
            answer = await self._sender.send(delivery.notice, delivery.url)
        except Exception as error:  # noqa: BLE001 (a notice may raise anything)
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

    def _due_again(self, delivery: Delivery, answer: DeliveryAnswer) -> datetime | None:
        wait = self._policy.next_wait(delivery.attempts + 1, random.random()) if answer.error else None
        return datetime.now(UTC) + wait if wait else None


def standard_key(text: str) -> str:
    """
    Return a key as Standard Webhooks writes it, `whsec_` and base64, which every verifier takes.

    A text that is written like this stays as it is; any other text stands for its bytes in UTF-8.
    """
    if STANDARD_KEY.fullmatch(text):
        return text
    return f"whsec_{base64.b64encode(text.encode()).decode()}"


def headers(notice: Notice, key: str, now: datetime) -> dict[str, str]:
    """Return the headers of an attempt at *now*, in UTC, signed with a `standard_key` as Standard Webhooks demands."""
    from standardwebhooks import Webhook

    return {
        "Content-Type": "application/json",
        "User-Agent": "label-studio-yolo-loop",
        "X-Loop-Event": notice.kind,
        "webhook-id": notice.id,
        "webhook-timestamp": str(int(now.timestamp())),
        "webhook-signature": Webhook(key).sign(notice.id, now, notice.body().decode()),
    }


def _read_certificates() -> ssl.SSLContext:
    """Read the certificates, which takes longer than a delivery."""
    import httpx

    return httpx.create_ssl_context()
