"""gunicorn's worker with threads, none of which waits for the head of a request or the end of a connection."""

from __future__ import annotations

import fcntl
import tempfile
import time
from collections.abc import Callable, Iterable
from concurrent.futures import Future
from contextlib import suppress
from functools import partial
from selectors import EVENT_READ
from socket import MSG_PEEK, SHUT_RD, SHUT_WR, SO_RCVLOWAT, SOL_SOCKET
from typing import IO, Any

from gunicorn.workers.gthread import TConn, ThreadWorker

WAIT_SECONDS = 5.0  # for the head of a request, and for a client to close a connection that we have closed
REST_SECONDS = 0.05  # in which the rest of a body may come, for another request on the same connection
READY_SECONDS = 60.0  # at most, in which a new process that is not ready leaves requests to others
LOOK_SECONDS = 0.2  # between two looks whether it is ready
LARGEST_HEAD = 2**14  # bytes
END_OF_HEAD = b"\r\n\r\n"
PIECE = 2**16  # bytes
SPEED = 2**20  # bytes of an answer a second


class DoorWorker(ThreadWorker):  # type: ignore[misc]
    """
    A request gets a thread when its head has arrived, and a closed connection is left to the client without one.

    gunicorn's own worker gives every new connection a thread, for as long as its head takes to arrive; it waits five
    seconds for a body that nobody reads, for ever for a client that takes no answer, and in its main thread two for one
    that does not close a connection. Idle connections that reach its limit keep all others out.
    """

    send_seconds = 5.0  # in which a client must take its answer, and a second more for each SPEED bytes of it
    is_ready: Callable[[], bool] = staticmethod(lambda: True)  # a hook may set another one
    _door_lock: IO[bytes] | None = None  # locked by each process that accepts; made before the first one is forked

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        if DoorWorker._door_lock is None:
            DoorWorker._door_lock = tempfile.TemporaryFile()  # noqa: SIM115 (open as long as the process)
        super().__init__(*args, **kwargs)

    def load_wsgi(self) -> None:
        """Load the app, and give each answer a time in which the client must take it."""
        super().load_wsgi()
        self.wsgi: Any = partial(self._answer_in_time, self.wsgi)

    def run(self) -> None:
        """Accept requests as soon as this process is ready, or if no other process accepts any."""
        deadline = time.monotonic() + READY_SECONDS
        while not self._is_first() and not self.is_ready() and time.monotonic() < deadline and self.alive:
            self.notify()
            time.sleep(LOOK_SECONDS)
        fcntl.lockf(self._door_lock, fcntl.LOCK_SH)  # type: ignore[arg-type]
        super().run()

    def handle_request(self, req: Any, conn: TConn) -> bool:
        """Answer a request; hang up on a client that does not take its answer in time."""
        try:
            return bool(super().handle_request(req, conn))
        except TimeoutError:
            self.log.debug("%s did not take its answer in time", conn.client)
            return False

    def enqueue_req(self, conn: TConn) -> None:
        """Give a connection a thread once the head of a request has arrived."""
        if self._has_head(conn):
            super().enqueue_req(conn)
        else:
            self._wait_for(conn, self.on_pending_socket_readable)

    def on_pending_socket_readable(self, conn: TConn, client: Any) -> None:
        """Look again whether the head has arrived."""
        if self._has_head(conn):
            self.poller.unregister(client)
            self.pending_conns.remove(conn)
            super().enqueue_req(conn)

    def finish_request(self, conn: TConn, fs: Future[Any]) -> None:
        """Keep a connection for another request, or close our side and wait for the client's, in no thread."""
        if not fs.cancelled() and fs.exception() is None and fs.result():
            super().finish_request(conn, fs)
            return
        try:
            conn.sock.shutdown(SHUT_WR)
        except OSError:
            self._close(conn)
        else:
            self._wait_for(conn, self._drain)

    def murder_pending(self) -> None:
        """Close idle connections whose time is over; if there are too many, also those whose time ends first."""
        super().murder_pending()
        while self.nr_conns >= self.worker_connections:
            idle = [connections for connections in (self.pending_conns, self.keepalived_conns) if connections]
            if not idle:
                break
            conn = min(idle, key=lambda connections: float(connections[0].timeout)).popleft()
            self.poller.unregister(conn.sock)
            self._close(conn)

    def _keepalive_after(self, conn: TConn, keepalive: bool) -> bool:
        """Whether a connection can be kept: not where a body that nobody has read is still to come."""
        return bool(keepalive and conn.parser.finish_body(deadline=time.monotonic() + REST_SECONDS))

    def _is_first(self) -> bool:
        """Take the lock that says that no other process accepts requests; return whether it was free."""
        try:
            fcntl.lockf(self._door_lock, fcntl.LOCK_EX | fcntl.LOCK_NB)  # type: ignore[arg-type]
        except BlockingIOError:
            return False
        return True

    def _answer_in_time(
        self, app: Callable[..., Iterable[bytes]], environ: dict[str, Any], start: Callable[..., Any]
    ) -> Iterable[bytes]:
        """Call the app; writing its answer raises TimeoutError after a time that the size of the answer gives."""

        def start_in_time(status: str, headers: list[tuple[str, str]], *error: Any) -> Any:
            size = next((int(value) for name, value in headers if name.lower() == "content-length"), 0)
            environ["gunicorn.socket"].settimeout(self.send_seconds + size / SPEED)  # for all of it, not for each part
            return start(status, headers, *error)

        return app(environ, start_in_time)

    def _wait_for(self, conn: TConn, act: Callable[[TConn, Any], None]) -> None:
        """Have the poller call *act* when data come; the connection is closed if none come in time."""
        conn.sock.setblocking(False)
        conn.timeout = time.monotonic() + WAIT_SECONDS
        self.pending_conns.append(conn)
        self.poller.register(conn.sock, EVENT_READ, partial(act, conn))

    def _has_head(self, conn: TConn) -> bool:
        """
        Whether a thread would not wait for the head of a request, looking at the data without taking them.

        If it would, the poller does not report the socket before more data have come.
        """
        if self.cfg.is_ssl:
            return True
        buffered = conn.parser.unreader.buf.getvalue() if conn.parser else b""
        try:
            conn.sock.setblocking(False)
            seen = conn.sock.recv(LARGEST_HEAD, MSG_PEEK)
        except BlockingIOError:
            return END_OF_HEAD in buffered
        except OSError:
            return True  # the thread will meet the error
        has_ended = len(seen) < conn.sock.getsockopt(SOL_SOCKET, SO_RCVLOWAT)  # the client sends no more
        has_head = END_OF_HEAD in buffered + seen
        is_too_large = not has_head and len(seen) >= LARGEST_HEAD
        if is_too_large:
            with suppress(OSError):  # it has been reset
                conn.sock.shutdown(SHUT_RD)  # the thread reads the bytes that are here, and then meets the end
        is_ready = has_ended or has_head or is_too_large
        conn.sock.setsockopt(SOL_SOCKET, SO_RCVLOWAT, 1 if is_ready else len(seen) + 1)
        return is_ready

    def _drain(self, conn: TConn, client: Any) -> None:
        """Throw away data of a connection that is closed on our side; without that, the client may lose our answer."""
        try:
            is_over = not conn.sock.recv(PIECE)
        except BlockingIOError:
            return
        except OSError:
            is_over = True
        if is_over:
            self.poller.unregister(client)
            self.pending_conns.remove(conn)
            self._close(conn)

    def _close(self, conn: TConn) -> None:
        self.nr_conns -= 1
        conn.close()
