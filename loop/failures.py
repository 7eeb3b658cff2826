"""Tells errors of one unit of work from errors around it, and describes an error in a short line."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TypeVar

import sqlalchemy as sa

from loop.errors import Busy, DetectorBroken, LoopError, Refused, UpstreamError
from loop.printable import shorten
from loop.secrecy import redact

MOST_NAMED = 10  # tasks in a line
LONGEST_LINE = 300  # characters
LONGEST_FAULT = 500  # characters of a fault's error
REFUSES_THE_UNIT = (400, 404, 409, 410, 413, 422)  # any other status says nothing about the request itself
CLIENTS = frozenset(("grpc", "httpcore", "httpx", "pymilvus", "redis", "rq"))  # packages that reach other programs
UNBOUND = ("binding parameter", "can't adapt", "cannot adapt")  # a driver on a value of a type that it does not know
# Ultralytics takes the last two for memory as well (engine/trainer.py, `_do_train`).
OUT_OF_MEMORY = (
    "out of memory",
    "can't allocate memory",
    "cannot allocate memory",
    "failed to allocate",
    "insufficient memory",
    "bad_alloc",
    "cublas_status_alloc_failed",
    "unable to find an engine",
)
OUT_OF_ROOM = ("can't start new thread", "iostream error")  # the last: OpenVINO, of a file that a disk does not take
# oneDNN, which computes convolutions on a CPU: out of memory is a status beside this text, and torch drops the status.
# oneDNN raises it where it gets no memory for its code or its scratchpad; for a shape that it does not know, it raises
# "could not create a primitive descriptor".
NO_PRIMITIVE = re.compile(r"could not (create|execute) a primitive(?! descriptor)")

T = TypeVar("T")
R = TypeVar("R")
log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Fault:
    """Why a unit was set aside; *error* can be stored and shown anywhere."""

    error: str
    cause: Exception

    def log(self, unit: str) -> None:
        """Log the fault, with a trace unless the error is ours: ours explain themselves."""
        trace = None if isinstance(self.cause, LoopError) else self.cause
        log.warning("%s is set aside: %s", unit, self.error, exc_info=trace)


def attempt(work: Callable[[], R]) -> R | Fault:
    """
    Do the work of one unit; return its result, or the fault for which the unit is set aside.

    Raises an error that lies outside of the unit (see `lies_outside`): the same work can succeed later.
    """
    try:
        return work()
    except Exception as error:  # noqa: BLE001 (a unit may raise anything)
        return fault_of(error)


def attempt_all(work: Callable[[Sequence[T]], Sequence[R]], units: Sequence[T]) -> list[R | Fault]:
    """Work on many units at once, in order; where that fails because of one of them, on each by itself."""
    results = attempt(lambda: list(work(units)))
    if not isinstance(results, Fault):
        return list(results)
    return [attempt(partial(_work_alone, work, unit)) for unit in units]


def fault_of(error: Exception) -> Fault:
    """Return the fault of the unit that met an error; raise the error where it lies outside of the unit."""
    if lies_outside(error):
        raise error
    return Fault(_fault_text(error), error)


def lies_outside(error: Exception) -> bool:
    """
    Whether an error says nothing about the unit that met it.

    Such errors are a locked database, a full disk, no memory, a program that does not answer, a stopped job. Every
    other error counts as the unit's own fault, also a bug that only this unit meets.
    """
    if isinstance(error, Refused):
        return error.status not in REFUSES_THE_UNIT
    if isinstance(error, LoopError):
        return isinstance(error, UpstreamError | Busy | DetectorBroken)
    if isinstance(error, sa.exc.SQLAlchemyError):
        return not _refuses_a_value(error)
    if isinstance(error, MemoryError | OSError | ImportError):
        return True
    if isinstance(error, RuntimeError) and not isinstance(error, RecursionError | NotImplementedError):
        return is_out_of_memory(error) or any(sign in str(error) for sign in OUT_OF_ROOM)
    return type(error).__module__.partition(".")[0] in CLIENTS


def is_out_of_memory(error: BaseException) -> bool:
    """Whether memory ran out: a GPU's, or the machine's, as torch, NumPy and OpenCV report it."""
    text = str(error).lower()
    has_sign = any(sign in text for sign in OUT_OF_MEMORY) or NO_PRIMITIVE.search(text) is not None
    return isinstance(error, MemoryError) or has_sign


def describe_error(error: BaseException) -> str:
    """Return an error as one line: ours in full; others as their kind, the tasks they name, and their first words."""
    text = redact(str(error).strip())
    if isinstance(error, LoopError):
        return text
    tasks = tasks_in(text)
    first = " ".join(text.split("\n", 1)[0].split())
    line = f"{type(error).__name__}: {f'{name_tasks(tasks)}: ' if tasks else ''}{first}"
    return line if len(line) <= LONGEST_LINE else f"{line[:LONGEST_LINE]}…"


def tasks_in(text: str) -> list[int]:
    """Return the ids of the tasks whose files a text names, such as `task-00000012` in a snapshot."""
    return sorted({int(digits) for digits in re.findall(r"task-(\d{8,})\b", text)})


def name_tasks(task_ids: list[int]) -> str:
    """Name the first tasks by their ids, and say how many more there are."""
    more = f" and {len(task_ids) - MOST_NAMED} more" if len(task_ids) > MOST_NAMED else ""
    word = "task" if len(task_ids) == 1 else "tasks"
    return f"{word} {', '.join(str(task_id) for task_id in task_ids[:MOST_NAMED])}{more}"


def _work_alone(work: Callable[[Sequence[T]], Sequence[R]], unit: T) -> R:
    (result,) = work([unit])
    return result


def _refuses_a_value(error: sa.exc.SQLAlchemyError) -> bool:
    """Whether the records refused a value, which they will refuse again."""
    if isinstance(error, sa.exc.DataError | sa.exc.IntegrityError):
        return True
    if isinstance(error, sa.exc.DBAPIError):
        return any(words in str(error.orig) for words in UNBOUND)
    return isinstance(error, sa.exc.StatementError)


def _fault_text(error: Exception) -> str:
    cause = error.orig if isinstance(error, sa.exc.StatementError) and error.orig else error
    return shorten(str(cause) if isinstance(cause, LoopError) else f"{type(cause).__name__}: {cause}", LONGEST_FAULT)
