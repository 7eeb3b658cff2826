"""A real Milvus Lite of a test's own, which may be killed, frozen and started again."""

import os
import signal
import subprocess
import sys
import time

from loop.references import milvus_server
from loop.references.milvus_client import Milvus


class MilvusProcess:
    """Milvus Lite over one folder; with a *port*, at an address that other machines could reach."""

    def __init__(self, folder, port=None):
        self.folder = folder
        self.address = f"http://127.0.0.1:{port}" if port else milvus_server.address(folder)
        self.process = None
        self._place = ("--host", "127.0.0.1", "--port", str(port)) if port else ()  # in place of the socket

    def start(self):
        milvus_server.make_folder(self.folder, 1.0)
        with (self.folder / "log").open("ab") as log:
            command = [sys.executable, *milvus_server.command(self.folder), *self._place]
            environment = {**os.environ, **milvus_server.ENVIRONMENT}
            self.process = subprocess.Popen(command, env=environment, stdout=log, stderr=log, cwd=self.folder)
        deadline = time.monotonic() + 60
        while not Milvus(self.address).answers():
            assert self.process.poll() is None, (self.folder / "log").read_text()
            assert time.monotonic() < deadline
            time.sleep(0.1)

    def kill(self):
        self.process.send_signal(signal.SIGKILL)
        self.process.wait(10)

    def freeze(self):
        self.process.send_signal(signal.SIGSTOP)
        os.waitid(os.P_PID, self.process.pid, os.WSTOPPED)  # until none of its threads runs

    def thaw(self):
        self.process.send_signal(signal.SIGCONT)

    def stop(self):
        if self.process and self.process.poll() is None:
            self.thaw()
            self.process.terminate()
            self.process.wait(20)
