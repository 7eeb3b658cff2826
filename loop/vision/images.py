"""The images of tasks: fetched within limits, from the addresses that tasks may have, and decoded upright."""

from __future__ import annotations

import base64
import time
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Protocol, TypeVar
from urllib.parse import urljoin, urlsplit

from loop.errors import ImageError, ImageForbidden, ImageTooLarge, ImageUnreadable, UpstreamError
from loop.once import Once
from loop.regions import Pixels
from loop.vision.addresses import CLOUD_SCHEMES, identify, is_digest, is_inline, is_proxy_of, read_inline, scheme_of
from loop.vision.loading import FetchedFile, load_each

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    import httpx

    from loop.label_studio.payloads import Task

OWN_PATHS = ("/data/", "/storage-data/", "/tasks/", "/projects/")  # where Label Studio serves files
LOCKED = (401, 403)
REDIRECTS = 5

R = TypeVar("R")


class Account(Protocol):
    """The part of the Label Studio client that reading files needs."""

    url: str

    def authorization(self) -> str:
        """Return the Authorization header for a request now."""

    def own_path(self, address: str) -> str | None:
        """Return the path of an address below that of this Label Studio; None for any other address."""

    def task_data(self, task_id: int) -> Mapping[str, object]:
        """Return the data of a task. Raises UpstreamError."""


@dataclass(frozen=True, slots=True)
class ImageLimits:
    """Limits of size and time for one image, and whether private addresses may be read."""

    bytes: int = 50_000_000
    pixels: int = 100_000_000
    seconds: float = 20.0
    allow_private_addresses: bool = False


class Images:
    """Reads the images of tasks."""

    def __init__(self, account: Account | None, limits: ImageLimits) -> None:
        self._account, self._limits = account, limits
        self._client = Once(partial(_make_client, limits.seconds))
        self._public_client = Once(partial(_make_public_client, limits.seconds))

    def fetch(self, address: str, task_id: int) -> bytes:
        """Return the file behind a task's image address. Raises ImageError."""
        if not address:
            raise ImageUnreadable(address, "the task's data has no address of an image")
        if is_inline(address):
            return self._read_inline(address, task_id)
        try:
            return self._fetch(address, task_id)
        except ImageUnreadable as error:
            proxied = self._find_proxied(address, task_id) if error.status in LOCKED else None
            if proxied is None:
                raise
            return self._fetch(proxied, task_id)

    def close(self) -> None:
        """Close all connections."""
        for client in (self._client.made, self._public_client.made):
            if client:
                client.close()

    def _fetch(self, address: str, task_id: int) -> bytes:
        import httpx

        deadline = time.monotonic() + self._limits.seconds
        try:
            url = self._resolve(address, task_id)
            for _ in range(REDIRECTS):
                content, url = self._request(url, address, deadline)
                if content is not None:
                    return content
        except PermissionError as error:
            raise ImageForbidden(address, f"{error} (LOOP_ALLOW_PRIVATE_ADDRESSES)") from error
        except (httpx.HTTPError, httpx.InvalidURL, UpstreamError, OSError, ValueError) as error:
            raise ImageUnreadable(address, f"{type(error).__name__}: {error}") from error
        raise ImageUnreadable(address, f"more than {REDIRECTS} redirects")

    def _find_proxied(self, address: str, task_id: int) -> str | None:
        """Return the address of Label Studio's proxy for a URL, where its project has a login for the host."""
        try:
            data = self._account.task_data(task_id) if self._account and scheme_of(address) else {}
        except UpstreamError:
            return None
        return next((value for value in data.values() if isinstance(value, str) and is_proxy_of(value, address)), None)

    def map(
        self, work: Callable[[Task, Pixels], R], tasks: Iterable[Task], *, at_once: int = 1
    ) -> Iterator[R | ImageError]:
        """
        Yield the result of *work* on the image of each task, in their order; a broken image gives its error.

        *work* must not keep the image; where it may be done on several images *at_once*, threads do it. Raises
        Overloaded where this process has no memory for an image in time.
        """
        return load_each(self, tasks, work, at_once)

    def largest_file(self, task: Task) -> int:
        """Return the most bytes that the file of a task's image may have."""
        is_here = is_inline(task.image) and not is_digest(task.image)
        return min(self._limits.bytes, len(task.image)) if is_here else self._limits.bytes

    def fetch_file(self, task: Task) -> FetchedFile:
        """Fetch the file of a task's image. Raises ImageError."""
        from loop.vision.image_reader import measure

        content, name = self.fetch(task.image, task.id), identify(task.image)
        return FetchedFile(content, name, measure(content, name, self._limits.pixels))

    def decode_file(self, file: FetchedFile) -> Pixels:
        """Decode a file, within memory that the caller has taken. Raises ImageError."""
        from loop.vision.image_reader import decode_pixels

        return decode_pixels(file.content, file.name, self._limits.pixels)

    def _resolve(self, address: str, task_id: int) -> str:
        """Return the URL to request: a path is Label Studio's own, a cloud address goes through its resolver."""
        scheme = scheme_of(address)
        if scheme in ("http", "https"):
            return address
        if self._account is None:
            raise ImageForbidden(address, "only http(s) addresses can be read without a Label Studio")
        if scheme in CLOUD_SCHEMES:
            encoded = base64.urlsafe_b64encode(address.encode()).decode()
            return f"{self._account.url}/tasks/{task_id}/resolve/?fileuri={encoded}"
        if not scheme and address.startswith("/"):
            prefix = urlsplit(self._account.url).path  # empty unless Label Studio is served under a path
            return self._account.url.removesuffix(prefix if address.startswith(f"{prefix}/") else "") + address
        raise ImageForbidden(address, "expected http(s), a path of Label Studio or a cloud storage address")

    def _read_inline(self, address: str, task_id: int) -> bytes:
        """Return the content of a `data:` URI; where only its identity is known, the task is asked for the URI."""
        uri = self._fetch_uri(address, task_id) if is_digest(address) else address
        if len(uri) * 3 // 4 > self._limits.bytes + 1000:
            raise ImageTooLarge(identify(address), f"more than {self._limits.bytes} bytes (LOOP_IMAGE_BYTES)")
        try:
            return read_inline(uri)
        except ValueError as error:
            raise ImageUnreadable(identify(address), str(error)) from error

    def _fetch_uri(self, identity: str, task_id: int) -> str:
        """Ask Label Studio for the `data:` URI of a task that has this *identity*."""
        try:
            data = self._account.task_data(task_id) if self._account else {}
        except UpstreamError as error:
            raise ImageUnreadable(identity, f"task {task_id}, which has it, cannot be asked for: {error}") from error
        uris = (value.strip() for value in data.values() if isinstance(value, str) and is_inline(value.strip()))
        uri = next((uri for uri in uris if identify(uri) == identity), None)
        if uri is None:
            raise ImageUnreadable(identity, f"task {task_id} has another image by now")
        return uri

    def _request(self, url: str, address: str, deadline: float) -> tuple[bytes | None, str]:
        """Request one URL; return its content, or None and the URL that it redirects to."""
        client, headers = self._route(url, address)
        seconds = max(0.001, deadline - time.monotonic())
        with client.stream("GET", url, headers=headers, timeout=seconds) as answer:
            if answer.is_redirect:
                return None, urljoin(url, answer.headers["location"])
            if not answer.is_success:
                raise ImageUnreadable(address, f"HTTP {answer.status_code}", answer.status_code)
            return self._read_body(answer, address, deadline), url

    def _route(self, url: str, address: str) -> tuple[httpx.Client, dict[str, str]]:
        """
        Return the client and the headers for a URL.

        Label Studio's file paths get our key. All other hosts get none, and must have a public address.
        """
        path = self._account.own_path(url) if self._account else None
        if self._account and path is not None:
            if not f"{path}/".startswith(OWN_PATHS):
                raise ImageForbidden(address, f"{path} is not a path where Label Studio serves files")
            return self._client.get(), {"Authorization": self._account.authorization()}
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ImageForbidden(address, f"{url} is not an http(s) address of a host")
        if self._limits.allow_private_addresses:
            return self._client.get(), {}
        from loop.vision.public_network import look_up_public

        look_up_public(parts.hostname, parts.port or 0)  # the client does so itself, unless it asks through a proxy
        return self._public_client.get(), {}

    def _read_body(self, answer: httpx.Response, address: str, deadline: float) -> bytes:
        chunks, size = [], 0
        for chunk in answer.iter_bytes():
            size += len(chunk)
            if size > self._limits.bytes:
                raise ImageTooLarge(address, f"more than {self._limits.bytes} bytes")
            if time.monotonic() > deadline:
                raise ImageUnreadable(address, f"took longer than {self._limits.seconds:g} s")
            chunks.append(chunk)
        return b"".join(chunks)


def _make_client(seconds: float) -> httpx.Client:
    """Make a client at the first fetch: importing httpx and reading the certificates take time."""
    import httpx

    return httpx.Client(timeout=seconds, follow_redirects=False)


def _make_public_client(seconds: float) -> httpx.Client:
    from loop.vision.public_network import public_client

    return public_client(seconds)
