"""An error of one unit of work costs only the unit, an error around it is raised; and an error fits into one line."""

import logging
import sqlite3

import httpx
import pytest
import sqlalchemy as sa
from redis.exceptions import ConnectionError as RedisDown
from rq.timeouts import JobTimeoutException

from loop.errors import Busy, MilvusDown, PayloadError, Refused, TrainingFailed, UnknownVersion, UpstreamError
from loop.failures import Fault, attempt, attempt_all, describe_error, is_out_of_memory, name_tasks, tasks_in
from loop.storage.storable import is_text
from loop.storage.tables import reviews

STATEMENT = ("SELECT 1", {})
OUTSIDE = [
    pytest.param(UpstreamError("no answer"), id="label-studio-down"),
    pytest.param(MilvusDown("here", "no answer"), id="milvus-down"),
    pytest.param(Refused("500", 500), id="label-studio-500"),
    pytest.param(Refused("401", 401), id="label-studio-401"),
    pytest.param(Refused("429", 429), id="label-studio-429"),
    pytest.param(Busy("later"), id="busy"),
    pytest.param(RedisDown("refused"), id="redis-down"),
    pytest.param(httpx.ReadTimeout("late"), id="http-timeout"),
    pytest.param(JobTimeoutException("too long"), id="job-stopped"),
    pytest.param(sa.exc.OperationalError(*STATEMENT, sqlite3.OperationalError("database is locked")), id="locked"),
    pytest.param(sa.exc.TimeoutError("pool"), id="no-connection-free"),
    pytest.param(sa.exc.InterfaceError(*STATEMENT, sqlite3.InterfaceError("connection closed")), id="closed"),
    pytest.param(MemoryError(), id="memory"),
    pytest.param(RuntimeError("CUDA out of memory"), id="gpu-memory"),
    pytest.param(RuntimeError("can't start new thread"), id="threads"),
    pytest.param(OSError(28, "No space left on device"), id="disk-full"),
    pytest.param(ModuleNotFoundError("no torch"), id="broken-installation"),
]
OF_THE_UNIT = [
    pytest.param(PayloadError("id", "an id", "out of memory"), id="unreadable"),
    pytest.param(UnknownVersion("a", []), id="unknown-version"),
    pytest.param(Refused("400", 400), id="label-studio-400"),
    pytest.param(Refused("404", 404), id="label-studio-404"),
    pytest.param(KeyError("id"), id="key"),
    pytest.param(TypeError("no"), id="type"),
    pytest.param(OverflowError("int too large"), id="overflow"),
    pytest.param(UnicodeEncodeError("utf-8", "\ud800", 0, 1, "surrogates"), id="surrogate"),
    pytest.param(RecursionError(), id="nested"),
    pytest.param(AssertionError(), id="assertion"),
    pytest.param(RuntimeError("a shape that does not fit"), id="runtime"),
    pytest.param(sa.exc.IntegrityError(*STATEMENT, sqlite3.IntegrityError("NOT NULL")), id="not-null"),
    pytest.param(sa.exc.DataError(*STATEMENT, sqlite3.DataError("out of range")), id="out-of-range"),
    pytest.param(sa.exc.StatementError("late", "SELECT 1", {}, OverflowError("date")), id="value-not-bound"),
]


def fail(error):
    raise error


@pytest.mark.parametrize("error", OUTSIDE)
def test_what_lies_outside_of_a_unit_is_raised(error):
    with pytest.raises(type(error)):
        attempt(lambda: fail(error))


@pytest.mark.parametrize("stop", [KeyboardInterrupt, SystemExit])
def test_whoever_stops_us_is_obeyed(stop):
    with pytest.raises(stop):
        attempt(lambda: fail(stop()))


@pytest.mark.parametrize("error", OF_THE_UNIT)
def test_what_a_unit_is_at_fault_for_is_returned_in_words_that_can_be_kept(error):
    fault = attempt(lambda: fail(error))

    assert isinstance(fault, Fault)
    assert is_text(fault.error)
    assert fault.error


@pytest.mark.parametrize("value", [{"id": 1}, 2**63, "\ud800"], ids=["object", "huge", "surrogate"])
def test_a_value_that_the_records_cannot_hold_is_the_fault_of_its_unit(rooms, value):
    assert isinstance(attempt(lambda: _look_up(rooms, value)), Fault)


def _look_up(rooms, value):
    with rooms.engine.connect() as connection:
        return connection.execute(sa.select(reviews).where(reviews.c.unique_id == value)).all()


def test_of_many_worked_on_at_once_a_bad_one_costs_only_itself():
    def halves(numbers):
        return [100 / number for number in numbers]

    done = attempt_all(halves, [1, 0, 4])

    assert [done[0], done[2]] == [100, 25]
    assert done[1].error == "ZeroDivisionError: division by zero"


def test_many_are_not_tried_one_by_one_where_nothing_answers():
    calls = []

    def work(things):
        calls.append(things)
        raise UpstreamError("no answer")

    with pytest.raises(UpstreamError):
        attempt_all(work, [1, 2, 3])

    assert calls == [[1, 2, 3]]


def test_a_bug_is_logged_with_its_trace_and_our_own_errors_without(caplog):
    with caplog.at_level(logging.WARNING):
        attempt(lambda: fail(KeyError("id"))).log("event 7")
        attempt(lambda: fail(PayloadError("id", "an id", None))).log("event 8")

    bug, ours = caplog.records
    assert bug.exc_info
    assert bug.getMessage() == "event 7 is set aside: KeyError: 'id'"
    assert not ours.exc_info


@pytest.mark.parametrize(
    ("error", "is_memory"),
    [
        pytest.param(RuntimeError("CUDA out of memory. Tried to allocate 2.00 GiB"), True, id="cuda"),
        pytest.param(
            RuntimeError("[enforce fail at alloc_cpu.cpp:127] DefaultCPUAllocator: can't allocate memory: you tried"),
            True,
            id="torch-on-the-cpu",
        ),
        pytest.param(RuntimeError("could not create a primitive"), True, id="onednn-for-its-code"),
        pytest.param(RuntimeError("could not execute a primitive"), True, id="onednn-for-its-scratchpad"),
        pytest.param(
            RuntimeError("could not create a primitive descriptor for the matmul primitive."),
            False,
            id="onednn-a-shape",
        ),
        pytest.param(MemoryError("Unable to allocate 3.2 GiB for an array"), True, id="numpy"),
        pytest.param(OSError(12, "Cannot allocate memory"), True, id="the-system"),
        pytest.param(RuntimeError("shape mismatch"), False, id="another"),
    ],
)
def test_memory_that_ran_out_is_known_by_what_torch_and_the_system_say(error, is_memory):
    assert is_out_of_memory(error) is is_memory


def test_the_tasks_of_a_snapshot_are_found_in_what_ultralytics_says():
    text = "/s/images/train/task-00000012.jpg: ignoring\n/s/labels/train/task-00000003.txt and task-00000012.jpg"

    assert tasks_in(text) == [3, 12]


def test_many_tasks_are_named_by_the_first():
    assert name_tasks([7]) == "task 7"
    assert name_tasks(list(range(1, 14))) == "tasks 1, 2, 3, 4, 5, 6, 7, 8, 9, 10 and 3 more"


def test_a_foreign_error_is_one_short_line_that_names_its_tasks():
    message = describe_error(FileNotFoundError(f"Image Not Found /s/images/train/task-00000012.jpg\n{'x' * 1000}"))

    assert message == "FileNotFoundError: task 12: Image Not Found /s/images/train/task-00000012.jpg"
    assert len(describe_error(RuntimeError("y" * 1000))) < 320


def test_an_error_of_ours_is_told_as_it_is():
    assert describe_error(TrainingFailed("out of memory with one image")) == "out of memory with one image"
