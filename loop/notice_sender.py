"""Takes notices to their receivers by HTTP."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property

import httpx

from loop.notices import Notice, headers

SECONDS = 10.0  # for one delivery, from the first byte sent to the status received


@dataclass(frozen=True, slots=True)
class Answer:
    """What a receiver said: its status, None where it said nothing; *error* None where it took the notice."""

    status: int | None
    error: str | None


class Courier:
    """Sends signed notices. Receivers are the operator's choice, so private addresses are fine."""

    def __init__(self, key: Callable[[], str], *, seconds: float = SECONDS) -> None:
        self._key, self._seconds = key, seconds

    @cached_property
    def _ssl(self) -> ssl.SSLContext:
        """Made once: reading the certificates takes longer than a delivery."""
        return httpx.create_ssl_context()

    async def send(self, notice: Notice, url: str) -> Answer:
        """
        Send one notice; only an answer of 2xx counts, redirects are not followed.

        The body of the answer is not read, and a receiver that answers a byte at a time has no longer than any other.
        """
        signed = headers(notice, self._key(), datetime.now(UTC))
        try:
            async with (
                asyncio.timeout(self._seconds),
                httpx.AsyncClient(verify=self._ssl) as client,
                client.stream("POST", url, content=notice.body(), headers=signed) as answer,
            ):
                status = answer.status_code
        except TimeoutError:
            return Answer(None, f"no answer within {self._seconds:g} s")
        except (httpx.HTTPError, httpx.InvalidURL, ValueError) as error:
            return Answer(None, f"{type(error).__name__}: {error}"[:300])
        return Answer(status, None if 200 <= status < 300 else f"answered {status}")
