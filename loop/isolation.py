"""One unit of work by itself: what is wrong with the unit is returned, what is wrong around it is raised."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TypeVar

import sqlalchemy as sa

from loop.errors import Busy, DetectorBroken, LoopError, Refused, UpstreamError
from loop.failures import is_out_of_memory
from loop.printable import shorten

LONGEST = 500  # characters of an error that is kept
REFUSES_THE_UNIT = (400, 404, 409, 410, 413, 422)  # any other status says nothing about what was asked
OF_PARTS = frozenset(("grpc", "httpcore", "httpx", "pymilvus", "redis", "rq"))  # packages that reach other programs
UNBOUND = ("binding parameter", "can't adapt", "cannot adapt")  # a driver on a value of a type that it does not know

T = TypeVar("T")
R = TypeVar("R")
log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Fault:
    """Why a unit was set aside; *error* can be kept and shown anywhere."""

    error: str
    cause: Exception

    def log(self, unit: str) -> None:
        """Write it into the log, with a trace where it is none of our errors, which explain themselves."""
        trace = None if isinstance(self.cause, LoopError) else self.cause
        log.warning("%s is set aside: %s", unit, self.error, exc_info=trace)


def attempt(work: Callable[[], R]) -> R | Fault:
    """
    Do the work of one unit; return what it returns, or the fault for which it is set aside.

    Raises what lies outside of the unit (see lies_outside): the same work will do later, so nothing may be given up.
    """
    try:
        return work()
    except Exception as error:  # noqa: BLE001 (whatever a unit comes to)
        return fault_of(error)


def fault_of(error: Exception) -> Fault:
    """The fault of the unit that met an error; raises the error where it lies outside of the unit."""
    if lies_outside(error):
        raise error
    return Fault(_text(error), error)


def attempt_all(work: Callable[[Sequence[T]], Sequence[R]], things: Sequence[T]) -> list[R | Fault]:
    """Work on many things at once, in order; where that fails because of one of them, on each by itself."""
    whole = attempt(lambda: list(work(things)))
    if not isinstance(whole, Fault):
        return list(whole)
    return [attempt(partial(_alone, work, thing)) for thing in things]


def _alone(work: Callable[[Sequence[T]], Sequence[R]], thing: T) -> R:
    (result,) = work([thing])
    return result


def lies_outside(error: Exception) -> bool:
    """
    Whether an error says nothing about the unit that met it.

    So it is with a database that is locked, a disk that is full, memory that runs out, a program that does not answer,
    a job that is stopped. All else is taken for the unit's own fault, a bug that only this unit meets included.
    """
    if isinstance(error, Refused):
        return error.status not in REFUSES_THE_UNIT
    if isinstance(error, LoopError):
        return isinstance(error, UpstreamError | Busy | DetectorBroken)
    if isinstance(error, sa.exc.SQLAlchemyError):
        return not _is_of_a_value(error)
    if isinstance(error, MemoryError | OSError | ImportError):
        return True
    if isinstance(error, RuntimeError) and not isinstance(error, RecursionError | NotImplementedError):
        return is_out_of_memory(error) or "can't start new thread" in str(error)
    return type(error).__module__.partition(".")[0] in OF_PARTS


def _is_of_a_value(error: sa.exc.SQLAlchemyError) -> bool:
    """Whether the records refused a value, which they will refuse again."""
    if isinstance(error, sa.exc.DataError | sa.exc.IntegrityError):
        return True
    if isinstance(error, sa.exc.DBAPIError):
        return any(words in str(error.orig) for words in UNBOUND)
    return isinstance(error, sa.exc.StatementError)


def _text(error: Exception) -> str:
    cause = error.orig if isinstance(error, sa.exc.StatementError) and error.orig else error
    return shorten(str(cause) if isinstance(cause, LoopError) else f"{type(cause).__name__}: {cause}", LONGEST)
