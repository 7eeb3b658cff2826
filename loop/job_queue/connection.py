"""Connections to Redis by its URL; the path of a socket may have any length."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from redis import Redis
from redis.connection import UnixDomainSocketConnection
from redis.exceptions import RedisError

from loop.errors import UpstreamError
from loop.storage import socket_file


def connect(url: str, **options: Any) -> Redis:
    """Return a client of the Redis at *url*; it connects when it is used. Raises ValueError for a wrong URL."""
    if url.startswith("unix:"):
        options["connection_class"] = SocketConnection
    return Redis.from_url(url, **options)


@contextmanager
def answering() -> Iterator[None]:
    """Raise the errors of Redis as UpstreamError."""
    try:
        yield
    except RedisError as error:
        raise UpstreamError(f"Redis did not answer (is `loop up` running?): {error}") from error


class SocketConnection(UnixDomainSocketConnection):
    """A connection to a socket, whose path may have any length."""

    def _connect(self) -> socket.socket:
        connection = socket_file.connect(self.path, self.socket_connect_timeout)
        connection.settimeout(self.socket_timeout)
        return connection
