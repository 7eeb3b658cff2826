"""Stands between the loop and Label Studio, and behaves as a Label Studio that is ill."""

import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler

import httpx

from tests.http_servers import serve

WELL, DOWN, HANGING, SILENT = "well", "down", "hanging", "silent"
LEFT_OUT = ("host", "connection", "content-length", "transfer-encoding", "content-encoding")


class StudioProxy:
    """
    *state* is WELL, DOWN (hangs up), HANGING, SILENT, or an HTTP status that every request gets.

    It answers nothing while it is HANGING; what was sent while it was SILENT it never answers. *unanswered* is how many
    requests wait like that.
    """

    def __init__(self, url, target):
        self.url, self.state, self._target = url, WELL, target
        self.unanswered = 0
        self._woken, self._is_closed = threading.Condition(), False
        self._client = httpx.Client(base_url=target, timeout=100, follow_redirects=False)

    def become(self, state):
        with self._woken:
            self.state = state
            self._woken.notify_all()

    def wait_while_hanging(self):
        with self._woken:
            self._woken.wait_for(lambda: self.state != HANGING)

    def wait_for_ever(self):
        with self._woken:
            self.unanswered += 1
            self._woken.wait_for(lambda: self._is_closed)

    def pass_on(self, handler, body):
        headers = {key: value for key, value in handler.headers.items() if key.lower() not in LEFT_OUT}
        return self._client.request(handler.command, handler.path, headers=headers, content=body)

    def close(self):
        self._is_closed = True
        self.become(DOWN)
        self._client.close()


@contextmanager
def running(target):
    """The proxy before the Label Studio at *target*."""

    class Handler(BaseHTTPRequestHandler):
        def log_message(self, *_):
            pass

        def _answer(self):
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            proxy = self.server.proxy
            if proxy.state in (HANGING, SILENT, DOWN):
                if proxy.state == HANGING:
                    proxy.wait_while_hanging()
                elif proxy.state == SILENT:
                    proxy.wait_for_ever()
                self.close_connection = True
                return
            if proxy.state == WELL:
                try:
                    answer = proxy.pass_on(self, body)
                except httpx.HTTPError:  # Label Studio itself is stopped
                    self.close_connection = True
                    return
                status, headers, content = answer.status_code, answer.headers, answer.content
            else:
                status, headers, content = proxy.state, {}, b"ill"
            self.send_response(status)
            for key, value in headers.items():
                if key.lower() not in LEFT_OUT:
                    self.send_header(key, value)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        do_GET = do_POST = do_PATCH = do_PUT = do_DELETE = _answer  # noqa: N815 (the names that http.server calls)

    with serve(Handler) as server:
        server.proxy = StudioProxy(server.url, target)
        yield server.proxy
        server.proxy.close()
