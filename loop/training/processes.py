"""Trains in several processes, one for each GPU, that end with this one and with each other."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

from loop.process_table import kill_tree
from loop.training.callbacks import LOOK_SECONDS, TrainingProgress, Watch, check_calmly
from loop.training.work import Failure, TrainingWork
from loop.vision.ultralytics_setup import thread_count

PAUSE = 0.1  # seconds between two looks at the processes
MODULE = "loop.training.process"  # that each process runs
PROGRESS, FAILURE = "progress.jsonl", "failure.json"  # files in the folder of a training
LOOPBACK = {"NCCL_SOCKET_IFNAME": "lo", "GLOO_SOCKET_IFNAME": "lo"}  # else the processes listen on every address


def train_in_processes(work: TrainingWork, count: int, run: Path, watch: Watch) -> Failure | None:
    """
    Train in *count* processes to the end and return None, or return the first failure.

    The first process reports in a file in the folder *run*, and *watch* gets what is new in it. Where *watch* raises to
    stop it, or a process fails, all are killed, at whatever they are. Where this process dies, they end by themselves:
    each reads a pipe that ends with it.
    """
    run.mkdir(parents=True, exist_ok=True)
    for name in (PROGRESS, FAILURE):
        (run / name).unlink(missing_ok=True)
    with tempfile.TemporaryDirectory() as meeting, ExitStack() as started:
        processes = [
            started.enter_context(_Process(work, rank, count, run, Path(meeting, "store"))) for rank in range(count)
        ]
        reports, checked = _Reports(run / PROGRESS), time.monotonic()
        while True:
            codes = [process.poll() for process in processes]
            reports.pass_on(watch)
            if any(codes):
                return find_failure(run / FAILURE, codes)
            if all(code == 0 for code in codes):
                return None
            if time.monotonic() - checked >= LOOK_SECONDS:
                check_calmly(watch)
                checked = time.monotonic()
            time.sleep(PAUSE)


class _Process:
    """One process of a training, in a `with` block at whose end it and all that it started are dead."""

    def __init__(self, work: TrainingWork, rank: int, count: int, run: Path, meeting: Path) -> None:
        ranks = {"RANK": str(rank), "LOCAL_RANK": str(rank), "WORLD_SIZE": str(count)}
        threads = {"OMP_NUM_THREADS": str(max(1, thread_count() // count))}
        self._work, self._environment = work, {**os.environ, **LOOPBACK, **ranks, **threads}
        self._command = [sys.executable, "-m", MODULE, str(run), str(meeting)]

    def __enter__(self) -> subprocess.Popen[str]:
        self._process = subprocess.Popen(
            self._command, env=self._environment, stdin=subprocess.PIPE, text=True, start_new_session=True
        )
        assert self._process.stdin
        self._process.stdin.write(self._work.as_json() + "\n")
        self._process.stdin.flush()
        return self._process

    def __exit__(self, *_: object) -> None:
        kill_tree(self._process.pid)
        self._process.wait()
        assert self._process.stdin
        self._process.stdin.close()


class _Reports:
    """The file in which progress is reported, a line of JSON each."""

    def __init__(self, path: Path) -> None:
        self._path, self._read = path, 0

    def pass_on(self, watch: Watch) -> None:
        """Report all progress that is new."""
        if not self._path.exists():
            return
        with self._path.open("rb") as file:
            file.seek(self._read)
            for line in file:
                if not line.endswith(b"\n"):  # it is being written
                    return
                watch.report(TrainingProgress(**json.loads(line)))
                self._read += len(line)


def find_failure(path: Path, codes: Sequence[int | None]) -> Failure:
    """
    Return the failure that the first process to fail wrote; a process that was killed wrote none.

    Where memory ran out for one, its end may make NCCL abort the others by a signal.
    """
    failure = Failure(**json.loads(path.read_text())) if path.exists() else None
    killed = next((-code for code in codes if code and code < 0), None)
    if killed and (failure is None or failure.batch is None):
        return Failure(f"one of its processes was killed by signal {killed}: see the log of its worker")
    return failure or Failure("one of its processes ended without a reason: see the log of its worker")
