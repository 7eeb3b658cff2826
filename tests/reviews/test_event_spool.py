"""Events while the records are locked, the disk is full and processes are killed: none is lost, none comes twice."""

import fcntl
import itertools
import os
import shutil
import stat
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from loop.reviews.event_spool import ArrivedEvent, EventSpool
from loop.reviews.event_store import EventStore
from loop.reviews.process_events import review
from loop.storage.database import connect
from tests.installation.builders import unwell
from tests.reviews.builders import arrive
from tests.reviews.record_lock import Intake, event_of, locked

pytestmark = pytest.mark.sqlite


@pytest.fixture
def records_file(rooms, settings):
    for engine in (rooms.engine, rooms.reviews.events.engine):
        engine.dispose()  # a fork must not share a connection
    return settings.home / "loop.sqlite3"


def numbers_in(events):
    return [event.payload["annotation"]["id"] for event in events.pending(1, most=10_000)]


def test_an_event_that_the_records_do_not_take_waits_in_a_file_and_nobody_waits_for_it(rooms, settings, records_file):
    with locked(records_file):
        moments = [time.monotonic()]
        for number in (1, 2, 3):
            arrive(rooms, event_of(number))
            moments.append(time.monotonic())
        seconds = max(end - begin for begin, end in itertools.pairwise(moments))

        waiting = rooms.reviews.events.spool.count()

    assert seconds < 0.9  # Label Studio waits one second
    assert (waiting, numbers_in(rooms.reviews.events)) == (3, [])
    spool = settings.home / "spool"
    assert stat.S_IMODE(spool.stat().st_mode) == 0o700
    assert {stat.S_IMODE(path.stat().st_mode) for path in spool.iterdir()} == {0o600}


def test_the_next_event_takes_those_before_it_along_in_order(rooms, records_file):
    with locked(records_file):
        arrive(rooms, event_of(1), event_of(2))

    arrive(rooms, event_of(3))

    assert numbers_in(rooms.reviews.events) == [1, 2, 3]
    assert rooms.reviews.events.spool.is_empty()


def test_the_job_that_processes_events_takes_spooled_ones_along(rooms, records_file):
    with locked(records_file):
        arrive(rooms, event_of(1), event_of(1))

    assert review(rooms.reviews, 1, lambda: None) == "1 events"
    assert rooms.reviews.events.spool.is_empty()


def test_the_doctor_tells_of_events_that_wait_for_the_records(rooms, records_file):
    with locked(records_file):
        arrive(rooms, event_of(1))

    assert "1 events wait" in unwell(rooms)["spool"].found


def test_an_event_that_the_records_refuse_holds_no_other_up(rooms, settings, records_file):
    with locked(records_file):
        arrive(rooms, event_of(1), event_of(2), event_of(3))
    first, second, _ = sorted((settings.home / "spool").iterdir())
    first.write_text("{")
    second.write_text(second.read_text().replace('"project_id": 1', '"project_id": {}'))

    rooms.reviews.events.take_over()

    assert numbers_in(rooms.reviews.events) == [3]
    assert sorted(path.suffix for path in (settings.home / "spool").iterdir()) == [".aside", ".aside"]
    assert unwell(rooms)["spool"].found == "2 events can never be recorded"


@pytest.mark.parametrize("suffix", [".event", ".writing"])
def test_a_file_that_cannot_be_read_stays_and_holds_no_other_up(rooms, settings, suffix):
    left = settings.home / "spool" / f"000000000000-0{suffix}"
    left.mkdir(parents=True)  # reading it raises OSError
    EventSpool(settings.home / "spool").add(ArrivedEvent("1", 1, "ANNOTATION_CREATED", event_of(1), datetime.now(UTC)))

    rooms.reviews.events.take_over()

    assert numbers_in(rooms.reviews.events) == [1]
    assert list((settings.home / "spool").iterdir()) == [left]


def test_on_a_full_disk_an_event_is_refused(rooms, records_file, tmp_path):
    intake = Intake(records_file, tmp_path / "spool", largest_file=10)
    intake.send(1)

    intake.wait()

    assert intake.taken == ["RecordsDown"]
    assert list((tmp_path / "spool").iterdir()) == []
    intake.close()


@pytest.mark.parametrize("length", [None, 30, 0], ids=["whole", "half", "empty"])
def test_a_file_of_a_killed_writer_is_recorded_where_it_is_whole_and_removed_otherwise(
    rooms, settings, records_file, length
):
    with locked(records_file):
        arrive(rooms, event_of(1))
    (waiting,) = (settings.home / "spool").iterdir()
    left = waiting.rename(waiting.with_suffix(".writing"))
    left.write_bytes(left.read_bytes()[:length])
    os.utime(left, (0, 0))

    rooms.reviews.events.take_over()

    assert numbers_in(rooms.reviews.events) == ([1] if length is None else [])
    assert list((settings.home / "spool").iterdir()) == []


def test_a_file_that_is_being_written_is_left_to_its_writer(rooms, settings, records_file):
    with locked(records_file):
        arrive(rooms, event_of(1))
    (waiting,) = (settings.home / "spool").iterdir()
    left = waiting.rename(waiting.with_suffix(".writing"))
    new = left.with_name("000000000001-0.writing")
    new.touch()  # its writer has not locked it yet
    with left.open() as file:
        fcntl.flock(file, fcntl.LOCK_EX)

        rooms.reviews.events.take_over()

    assert left.exists()
    assert new.exists()


acts = st.lists(
    st.one_of(
        st.tuples(st.just("send"), st.integers(1, 8)),
        st.tuples(st.just("kill"), st.integers(0, 8)),  # milliseconds after the last event was sent
        st.tuples(st.sampled_from(["lock", "unlock"]), st.just(0)),
    ),
    min_size=4,
    max_size=12,
)


@settings(max_examples=25, suppress_health_check=list(HealthCheck))
@given(acts)
def test_whatever_is_locked_and_killed_no_event_is_lost_or_comes_twice(empty_records, played):
    with tempfile.TemporaryDirectory() as folder:
        records, spool = Path(folder) / "loop.sqlite3", Path(folder) / "spool"
        shutil.copy(empty_records, records)
        taken, sent = play(records, spool, played)

        events = EventStore(connect(f"sqlite:///{records}"), spool)
        events.take_over()

        recorded = numbers_in(events)
        assert events.spool.is_empty()
        assert all(path.stat().st_size == 0 for path in spool.glob("*"))  # too young to be removed
        assert len(set(recorded)) == len(recorded)
        assert set(taken) <= set(recorded) <= set(sent)
        assert recorded == sorted(recorded)


def play(records, spool, played):
    """Play acts on a process that takes events in; return the events that it took, and all that were sent."""
    intake, numbers, sent, lock = Intake(records, spool), itertools.count(1), [], None
    try:
        for act, amount in played:
            if act == "send":
                new = list(itertools.islice(numbers, amount))
                sent += new
                intake.send(*new)
            elif act == "kill":
                time.sleep(amount / 1000)
                intake.kill()
            elif act == "lock" and not lock:
                lock = locked(records)
                lock.__enter__()
            elif act == "unlock" and lock:
                lock.__exit__(None, None, None)
                lock = None
        intake.wait()
    finally:
        intake.close()
        if lock:
            lock.__exit__(None, None, None)
    return intake.taken, sent
