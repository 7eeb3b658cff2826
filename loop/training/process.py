"""One of the processes that train together, each on its own GPU; `loop.training.processes` starts it."""

from __future__ import annotations

import json
import os
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict
from datetime import timedelta
from pathlib import Path
from typing import Any

from loop.errors import LoopError
from loop.log_lines import set_up_logs
from loop.process_table import kill_tree
from loop.training.callbacks import TrainingProgress, Watch
from loop.training.processes import FAILURE, PROGRESS
from loop.training.work import Failure, TrainingWork
from loop.vision.ultralytics_setup import prepare_ultralytics


def main() -> int:
    """
    Do the work on standard input; 1 where it failed, with the failure in the folder of the training.

    The arguments are that folder, and the file through which the processes find each other.
    """
    run, meeting = map(Path, sys.argv[1:])
    work = TrainingWork(**json.loads(sys.stdin.readline()))
    threading.Thread(target=_end_with_parent, daemon=True).start()
    set_up_logs()
    prepare_ultralytics()
    _meet(meeting)
    report = _write_to(run / PROGRESS) if os.environ["RANK"] == "0" else _ignore
    try:
        failure = work.run(Watch(report, lambda: None))
    except LoopError as error:
        failure = Failure(str(error))
    if failure:
        _write_first(run / FAILURE, failure)
    return 1 if failure else 0


def _end_with_parent() -> None:
    """
    Wait until the process that started this one ends, then kill this one and all that it started.

    Reads without `sys.stdin`, whose lock would be taken for ever in the forked processes that load images: each closes
    `sys.stdin` before it begins.
    """
    while os.read(0, 1):
        pass
    kill_tree(os.getpid())


def _meet(file: Path) -> None:
    """Have the processes find each other through a file: torch's own way opens a port on every address."""
    import torch

    distributed: Any = torch.distributed
    join = distributed.init_process_group

    def join_by_file(backend: str, *, timeout: timedelta, rank: int, world_size: int) -> None:
        store = distributed.FileStore(str(file), world_size)
        join(backend, timeout=timeout, rank=rank, world_size=world_size, store=store)

    distributed.init_process_group = join_by_file


def _write_to(path: Path) -> Callable[[TrainingProgress], None]:
    def report(progress: TrainingProgress) -> None:
        with path.open("a") as file:
            file.write(json.dumps(asdict(progress)) + "\n")

    return report


def _ignore(_: TrainingProgress) -> None:
    """Report nothing: the first process reports for all."""


def _write_first(path: Path, failure: Failure) -> None:
    """Write a failure whole, unless another process has failed before: the others fail for lack of the first."""
    draft = path.with_suffix(f".{os.getpid()}")
    draft.write_text(failure.as_json())
    with suppress(FileExistsError):
        os.link(draft, path)
    draft.unlink()


if __name__ == "__main__":
    code = main()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)  # a process whose partner is dead would wait for it
