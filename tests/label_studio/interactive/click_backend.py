"""A second ML backend on a port of its own, that answers click tools as a test wants."""

import json
import time
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler

from tests.http_servers import serve

RESULT = {"id": "mask", "from_name": "brush", "to_name": "image", "type": "brushlabels", "value": {"rle": [1, 2, 3]}}
ANSWER = {"results": [{"result": [RESULT], "model_version": "SAM", "score": 0.9}], "extra": {"ümlaut": "✓"}}


def as_it_should(handler):
    handler.reply(200, json.dumps(ANSWER).encode())


class ClickHandler(BaseHTTPRequestHandler):
    """Notes each request, and answers it as the server's `behave` does."""

    def do_GET(self):
        self.server.got.append((self.path, dict(self.headers), None))
        self.reply(200, b'{"status": "UP"}')

    def do_POST(self):
        content = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.got.append((self.path, dict(self.headers), json.loads(content)))
        self.server.behave(self)

    def reply(self, status, content, **headers):
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)

    def drip(self):
        """Send a byte every now and then, for as long as somebody reads."""
        self.send_response(200)
        self.end_headers()
        while not self.wfile.closed:
            self.wfile.write(b" ")
            self.wfile.flush()
            time.sleep(0.05)

    def log_message(self, *_):
        pass

    def handle_one_request(self):
        try:
            super().handle_one_request()
        except (OSError, ValueError):  # the client, or the test, closed the connection
            self.close_connection = True


@contextmanager
def click_backend(behave=as_it_should):
    """An ML backend; `got` has the path, the headers and the body of each request."""
    with serve(ClickHandler) as server:
        server.got, server.behave = [], behave
        yield server
