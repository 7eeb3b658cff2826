"""The faults of records in PostgreSQL: its server is away while the annotator works."""

import os
import signal
from contextlib import contextmanager

import psutil


def restarted(server):
    """The server is stopped and started again."""

    @contextmanager
    def fault(installation):
        server.stop()
        try:
            yield
        finally:
            server.start()

    return fault


def killed(server):
    """The server is killed with -9; it recovers from its log when it is started again."""

    @contextmanager
    def fault(installation):
        postmaster = psutil.Process(int((server.folder / "data" / "postmaster.pid").read_text().split()[0]))
        processes = [postmaster, *postmaster.children(recursive=True)]
        os.kill(postmaster.pid, signal.SIGKILL)
        psutil.wait_procs(processes, 30)  # the others end by themselves, and only then it can start again
        try:
            yield
        finally:
            server.start()

    return fault


FAULTS = {"PostgreSQL is restarted": restarted, "PostgreSQL is killed": killed}
