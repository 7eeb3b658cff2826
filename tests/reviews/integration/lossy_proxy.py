"""Stands between Label Studio and the backend, and loses, doubles and shuffles webhooks."""

import random
import threading
from collections import Counter
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler

import httpx

from tests.http_servers import serve

LOST, DOUBLED = 0.3, 0.2


class LossyProxy:
    """Passes everything on but webhooks; those are kept until they are let go, in another order."""

    def __init__(self, target, seed):
        self._target, self._random = target, random.Random(seed)
        self._kept, self._lock = [], threading.Lock()
        self.fates = Counter()

    def take(self, path, headers, body):
        """Decide what becomes of a webhook."""
        with self._lock:
            draw = self._random.random()
            fate = "lost" if draw < LOST else "doubled" if draw < LOST + DOUBLED else "passed"
            self.fates[fate] += 1
            times = {"lost": 0, "doubled": 2, "passed": 1}[fate]
            self._kept += [(path, headers, body)] * times

    def let_go(self):
        """Send what was kept, shuffled; return how many there were."""
        with self._lock:
            events, self._kept = self._kept, []
        self._random.shuffle(events)
        for path, headers, body in events:
            httpx.post(f"{self._target}{path}", headers=headers, content=body, timeout=10).raise_for_status()
        return len(events)

    def pass_on(self, method, path, headers, body):
        return httpx.request(method, f"{self._target}{path}", headers=headers, content=body, timeout=100)


@contextmanager
def running(port, target, *, seed):
    proxy = LossyProxy(target, seed)

    class Handler(BaseHTTPRequestHandler):
        def log_message(self, *_):
            pass

        def _answer(self):
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            headers = {key: value for key, value in self.headers.items() if key.lower() not in ("host", "connection")}
            status, content = 202, b"{}"
            if self.path == "/webhook":
                proxy.take(self.path, headers, body)
            else:
                answer = proxy.pass_on(self.command, self.path, headers, body)
                status, content = answer.status_code, answer.content
            self.send_response(status)
            self.send_header("Content-Length", str(len(content)))
            self.send_header("Content-Type", "application/json")
            self.end_headers()
            self.wfile.write(content)

        do_GET = do_POST = _answer  # noqa: N815 (the names that http.server calls)

    with serve(Handler, port):
        yield proxy
