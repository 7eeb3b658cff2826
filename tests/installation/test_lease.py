"""Of two machines that run `loop up` for one installation, the second is refused by name, whatever their clocks."""

import threading
import time
from contextlib import contextmanager
from dataclasses import replace

import pytest

from loop.errors import MachineUnfit
from loop.installation.upkeep.lease import LEASE, Lease

FIRST, SECOND = ({"host": f"{name}.example", "boot": name} for name in ("first", "second"))


def never(*_):
    raise AssertionError("not needed")


@pytest.fixture
def facts(rooms):
    return rooms.installation.machine.facts


@contextmanager
def held(facts, here, give_up=never, say=never, *, beat=0.02, patience=0.3, is_stopping=bool):
    with Lease(facts, beat, patience).hold(here, give_up, say, is_stopping):
        yield


def test_the_second_machine_is_refused_with_the_name_of_the_first(facts):
    lines = []

    second = held(facts, SECOND, say=lines.append, patience=10)
    with held(facts, FIRST), pytest.raises(MachineUnfit, match=r"`loop up` runs on first\.example"), second:
        pass

    assert lines == ["`loop up` ran on first.example: waiting 10 s to see whether it still does"]


def test_the_record_has_no_time_that_another_clock_could_be_compared_with(facts):
    with held(facts, FIRST):
        record = facts.get(LEASE)

    assert record.keys() == {"host", "boot", "id", "beat"}


@pytest.mark.parametrize("here", [SECOND, FIRST], ids=["elsewhere", "on-the-same-machine"])
def test_after_a_crash_the_next_one_leads(facts, here):
    lines = []
    facts.replace(LEASE, {**FIRST, "id": "a", "beat": 7})

    with held(facts, here, say=lines.append):
        assert facts.get(LEASE)["host"] == here["host"]

    assert len(lines) == (here is SECOND)  # on the same machine nobody waits: the lock of the folder is free


def test_another_folder_of_the_same_machine_does_not_take_the_lease_from_one_that_leads(facts):
    first, second = ({**FIRST, "folder": folder} for folder in ("1:2", "1:3"))

    other = held(facts, second, say=lambda _: None, patience=10)
    with held(facts, first), pytest.raises(MachineUnfit, match=r"`loop up` runs on first\.example"), other:
        pass


def test_after_an_end_nobody_waits(facts):
    with held(facts, FIRST):
        pass

    with held(facts, SECOND):
        assert facts.get(LEASE)["host"] == "second.example"
    assert facts.get(LEASE) is None


def test_a_machine_that_was_silent_for_too_long_stops_and_leaves_the_lease_to_the_other(facts):
    lost = threading.Event()

    first = held(facts, FIRST, give_up=lost.set)
    first.__enter__()
    facts.replace(LEASE, {**SECOND, "id": "b", "beat": 0})
    assert lost.wait(5)
    with pytest.raises(MachineUnfit, match=r"runs on second\.example.* has stopped"):
        first.__exit__(None, None, None)

    assert facts.get(LEASE)["id"] == "b"


def test_a_record_that_was_lost_is_made_again(facts):
    with held(facts, FIRST):
        facts.exchange(LEASE, facts.get(LEASE)["id"], None)
        deadline = time.monotonic() + 5
        while facts.get(LEASE) is None and time.monotonic() < deadline:
            time.sleep(0.01)

        assert facts.get(LEASE)["host"] == "first.example"


def test_of_two_that_start_at_once_one_leads(facts):
    results = []
    ready = threading.Barrier(2)

    def start(here):
        ready.wait()
        try:
            with held(facts, here, say=lambda _: None):
                ready.wait(5)
            results.append("led")
        except MachineUnfit:
            ready.wait(5)
            results.append("refused")

    threads = [threading.Thread(target=start, args=(here,)) for here in (FIRST, SECOND)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(results) == ["led", "refused"]


def test_a_stop_while_it_waits_ends_it(facts):
    facts.replace(LEASE, {**FIRST, "id": "a", "beat": 7})

    with (
        pytest.raises(MachineUnfit, match="stopped before"),
        held(facts, SECOND, say=lambda _: None, patience=60, is_stopping=lambda: True),
    ):
        pass


def test_a_machine_with_records_that_others_have_takes_the_lease_and_gives_it_back(rooms, tmp_path):
    machine = replace(rooms.installation.machine, home=tmp_path, is_shared=True)

    with machine.lead_alone(never, never, bool):
        assert machine.facts.get(LEASE)["folder"].endswith(f":{tmp_path.stat().st_ino}")
        assert machine.problems() == []

    assert machine.facts.get(LEASE) is None
