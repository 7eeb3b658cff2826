"""The ML backend that answers the calls of the click tools: it gets them as they came, and its answers go out so."""

from __future__ import annotations

import asyncio
import json
import ssl
import time
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from loop.errors import PayloadError, UpstreamError
from loop.once import Once
from loop.printable import shorten

SECONDS = 95.0  # from the beginning of a call; Label Studio waits 100
HEALTH_SECONDS = 3.0
LARGEST_ANSWER = 64 * 2**20  # bytes; a mask of a large image takes some
HANDED_ON = "X-Loop-Handed-On"  # header of a call that was handed on: it must not come back to us
HANDED_ON_ADVICE = "another ML backend than this one; without it, this one answers click tools itself"


class InteractiveBackend:
    """
    An ML backend by its URL, which may hold a user and a password: they are sent as basic auth.

    The operator chooses it: it may have a private address. Redirects are not followed, and none of our own credentials
    are sent. Threads can share it.
    """

    def __init__(self, url: str, *, seconds: float = SECONDS) -> None:
        self._url, self._seconds = url.rstrip("/"), seconds
        self._certificates = Once(_read_certificates)

    @property
    def name(self) -> str:
        """Its URL without user and password."""
        parts = urlsplit(self._url)
        return parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()

    def predict(self, request: Mapping[str, Any], began: float) -> bytes:
        """
        Hand a request to `/predict` on; return the answer as it is.

        It must come in time since the call *began*, on the monotonic clock. Raises UpstreamError where there is no
        answer, or one that is no answer of an ML backend.
        """
        seconds = max(0.001, began + self._seconds - time.monotonic())
        content = json.dumps(request).encode()
        status, answer = self._ask("POST", "predict", seconds, content)
        if not 200 <= status < 300:
            told = shorten(answer[:1000].decode(errors="replace"), 200)
            raise UpstreamError(f"{self._is_called} answered {status}: {told}", status)
        try:
            results = json.loads(answer)["results"]
        except (ValueError, RecursionError, TypeError, KeyError):
            results = None
        if not isinstance(results, list):
            told = shorten(answer[:1000].decode(errors="replace"), 200)
            raise UpstreamError(f'{self._is_called} answered without {{"results": […]}}: {told}')
        return answer

    def find_problem(self) -> str | None:
        """Say why it does not answer `/health`; None if it does."""
        try:
            status, _ = self._ask("GET", "health", HEALTH_SECONDS)
        except UpstreamError as error:
            return str(error)
        return None if 200 <= status < 300 else f"{self._is_called} answered {status} to /health"

    @property
    def _is_called(self) -> str:
        return f"the backend of the click tools {self.name} (LOOP_INTERACTIVE_URL)"

    def _ask(self, method: str, path: str, seconds: float, content: bytes | None = None) -> tuple[int, bytes]:
        """Return the status and the body of an answer. Raises UpstreamError."""
        import httpx

        try:
            return asyncio.run(self._send(method, path, seconds, content))
        except TimeoutError as error:
            raise UpstreamError(f"{self._is_called} gave no answer within {seconds:.0f} s") from error
        except (httpx.HTTPError, httpx.InvalidURL, OSError, ValueError) as error:
            reason = shorten(f"{type(error).__name__}: {error}", 300)
            raise UpstreamError(f"{self._is_called} does not answer: {reason}") from error

    async def _send(self, method: str, path: str, seconds: float, content: bytes | None) -> tuple[int, bytes]:
        """Send one request; *seconds* are for all of it, however slowly the answer comes."""
        import httpx

        headers = {"Content-Type": "application/json", HANDED_ON: "1"}
        body = bytearray()
        async with (
            asyncio.timeout(seconds),
            httpx.AsyncClient(timeout=seconds, verify=self._certificates.get()) as client,
            client.stream(method, f"{self._url}/{path}", content=content, headers=headers) as answer,
        ):
            async for piece in answer.aiter_bytes():
                body += piece
                if len(body) > LARGEST_ANSWER:
                    raise ValueError(f"more than {LARGEST_ANSWER} bytes")
            return answer.status_code, bytes(body)


def check_not_ours(headers: Mapping[str, str]) -> None:
    """Refuse a call that was handed on to us. Raises PayloadError."""
    if HANDED_ON in headers:
        raise PayloadError("LOOP_INTERACTIVE_URL", HANDED_ON_ADVICE, "the address of this backend")


def _read_certificates() -> ssl.SSLContext:
    """Read the certificates, which takes longer than a call to a machine nearby."""
    import httpx

    return httpx.create_ssl_context()
