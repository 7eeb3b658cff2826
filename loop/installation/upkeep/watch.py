"""Checks that each part does its work, in a process beside `loop up`; run by `python -m`."""

from __future__ import annotations

import json
import logging
import os
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import httpx

from loop.errors import LoopError, MilvusDown, UpstreamError
from loop.installation.processes import Program
from loop.job_queue.liveness import SignsOfLife
from loop.job_queue.queue import DEFAULT, GPU
from loop.log_lines import set_up_logs
from loop.printable import shorten
from loop.references import milvus_server
from loop.references.milvus_client import Milvus
from loop.references.milvus_probe import try_out
from loop.settings import Settings
from loop.vision.embedders import NONE

EVERY_SECONDS = 10.0
ANSWER_SECONDS = 10.0  # that a part has to answer
QUIET_SECONDS = 25.0  # without a sign of life, after which a worker or the schedule counts as stuck
LONGEST_FAULT = 300  # characters
log = logging.getLogger(__name__)
Find = Callable[[], str]  # returns why a part does not work, or nothing; raises LoopError where that is not known


@dataclass
class PartWatch(Program):
    """The process that checks the others; it reports by lines on its standard output."""

    _pipe: int | None = None
    _rest: bytes = field(default=b"")

    def start(self) -> None:
        """Start the process, with a pipe to it."""
        if self._pipe is not None:
            os.close(self._pipe)
        self._pipe, self.output = os.pipe()
        self._rest = b""
        os.set_blocking(self._pipe, False)
        try:
            super().start()
        finally:
            os.close(self.output)

    def reports(self) -> Iterator[tuple[str, str]]:
        """Yield the reports that have come since: the name of a part, and its fault."""
        with suppress(BlockingIOError):
            while self._pipe is not None and (content := os.read(self._pipe, 65536)):
                self._rest += content
        *lines, self._rest = self._rest.split(b"\n")
        for line in lines:
            name, fault = json.loads(line)
            yield str(name), str(fault)


class Silence:
    """How long a part has given no sign of life, by a clock that never goes back and that no loss of data sets."""

    def __init__(self, what: str, read: Callable[[], object], clock: Callable[[], float] = time.monotonic) -> None:
        self._what, self._read, self._clock = what, read, clock
        self._sign: object = None
        self._heard_at = clock()

    def fault(self) -> str:
        """
        Return the fault of a part that has been silent for too long; empty for others.

        Raises UpstreamError where nobody can be heard; the silence begins anew after it. Raises LoopError for a part
        that was never heard, and has just started: nobody knows yet whether it works.
        """
        try:
            sign = self._read()
        except UpstreamError:
            self._heard_at = self._clock()
            raise
        now = self._clock()
        if sign is not None and sign != self._sign:
            self._sign, self._heard_at = sign, now
        seconds = now - self._heard_at
        if self._sign is None and seconds <= QUIET_SECONDS:
            raise LoopError(f"{self._what} since it started")
        return f"{self._what} for {seconds:.0f} s" if seconds > QUIET_SECONDS else ""


def checks_of(settings: Settings) -> dict[str, Find]:
    """Return the check of each part that `loop up` starts; Redis is asked by `loop up` itself."""
    signs = SignsOfLife(settings.redis)
    workers = [f"worker-{GPU}", *(f"worker-{DEFAULT}-{number}" for number in range(1, settings.default_workers + 1))]
    checks: dict[str, Find] = {
        "web": lambda: _web_fault(settings.local_url),
        "schedule": Silence("asked for no sweep", signs.of_schedule).fault,
        **{part: Silence("gave no sign of life", partial(signs.of_worker, part)).fault for part in workers},
    }
    if not settings.milvus_uri and settings.embedder != NONE:
        milvus = Milvus(milvus_server.address(settings.milvus_folder), seconds=ANSWER_SECONDS)
        checks["milvus"] = partial(_milvus_fault, milvus, settings.milvus_folder)
    return checks


def _web_fault(url: str) -> str:
    try:
        httpx.get(f"{url}/health", timeout=ANSWER_SECONDS).raise_for_status()
    except httpx.HTTPError as error:
        return f"/health: {error or type(error).__name__}"
    return ""


def _milvus_fault(milvus: Milvus, folder: Path) -> str:
    if not milvus_server.has_data(folder):
        return f"the data in {folder} are gone"
    try:
        try_out(milvus)
    except MilvusDown as error:
        return error.reason
    return ""


def _repeat(part: str, find_fault: Find) -> None:
    while True:
        try:
            line = json.dumps([part, shorten(find_fault(), LONGEST_FAULT)])
        except LoopError:  # another part is down: that is its own fault
            pass
        except Exception:
            log.exception("the check of %s broke; the next one follows", part)
        else:
            sys.stdout.write(f"{line}\n")
            sys.stdout.flush()
        time.sleep(EVERY_SECONDS)


def main() -> None:
    """Check all parts until `loop up` ends."""
    set_up_logs()
    parent = os.getppid()
    for part, find_fault in checks_of(Settings.read()).items():
        threading.Thread(target=_repeat, args=(part, find_fault), daemon=True).start()
    while os.getppid() == parent:
        time.sleep(1.0)


if __name__ == "__main__":
    main()
