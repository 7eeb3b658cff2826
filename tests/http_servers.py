"""HTTP servers on this machine, each stopped with its `with`."""

import socket
import threading
from contextlib import contextmanager
from functools import partial
from http.server import BaseHTTPRequestHandler, SimpleHTTPRequestHandler, ThreadingHTTPServer


class _Server(ThreadingHTTPServer):
    request_queue_size = 128  # with five, clients that come at once try again for seconds


@contextmanager
def serve(handler, port=0):
    """A server of its own, whose requests *handler* answers; `url` is its address."""
    with _Server(("127.0.0.1", port), handler) as server:
        server.url = f"http://127.0.0.1:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()


@contextmanager
def serve_folder(folder):
    """The address of the files in a folder."""
    with serve(partial(_QuietFiles, directory=folder)) as server:
        yield server.url


class _QuietFiles(SimpleHTTPRequestHandler):
    """Serves a folder and logs nothing."""

    def log_message(self, *args):
        pass


@contextmanager
def receiver(behave=lambda handler: 204):
    """A receiver of notices; *behave* says what it answers, None to hang up; `got` is what came."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            body = self.rfile.read(int(self.headers["Content-Length"]))
            self.server.got.append((dict(self.headers), body))
            status = behave(self)
            if status is None:
                self.connection.shutdown(socket.SHUT_RDWR)
                return
            self.send_response(status)
            if 300 <= status < 400:
                self.send_header("Location", f"{self.server.url}/elsewhere")
            self.end_headers()

        def log_message(self, *_):
            pass

    with serve(Handler) as server:
        server.got = []
        server.url += "/hook"
        yield server
