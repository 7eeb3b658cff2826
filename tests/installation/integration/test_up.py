"""Nothing that `loop up` started outlives it, however it ends; and what was cut off goes on at the next start."""

import fcntl
import json
import os
import pty
import random
import signal
import termios
import time
from contextlib import suppress
from pathlib import Path

import pytest

from tests.installation.builders import assert_all_end, is_ready, make_busy, of_home, started, the_epoch
from tests.services import children, names_of, until

pytestmark = pytest.mark.timeout(600)


@pytest.mark.long  # over a minute each: a training goes on
@pytest.mark.parametrize(
    "number", [signal.SIGTERM, signal.SIGKILL, signal.SIGINT, signal.SIGHUP], ids=lambda number: number.name
)
def test_stopped_or_killed_at_work_nothing_is_left_and_the_training_goes_on(settings, rooms, number):
    with started(settings) as process:
        make_busy(settings, rooms, process)
        reached, mapped = the_epoch(rooms), mapped_files(settings)

        process.send_signal(number)

        assert_all_end(settings, process)
        log = process.log.read_text()
        assert ("\nstopped" in log) is (number != signal.SIGKILL)
        assert process.returncode == (-9 if number == signal.SIGKILL else 0), log
    training = rooms.trainings.store.last(1)[0]
    assert training.ended_at is None
    assert mapped <= {"loop.sqlite3-shm"}  # which SQLite never lets grow beyond what the disk has
    if number == signal.SIGTERM:
        assert training.stalled == 0  # an orderly stop is no death
        assert_one_line_a_record(settings)
    if number in (signal.SIGTERM, signal.SIGKILL):
        assert_goes_on(settings, rooms, reached)


def mapped_files(settings):
    """The files of LOOP_HOME that processes have in memory: a full disk kills the one that writes into them."""
    paths = set()
    for process in of_home(settings):
        with suppress(FileNotFoundError, ProcessLookupError):  # it may have just ended
            lines = Path(f"/proc/{process.pid}/maps").read_text().splitlines()
            paths |= {line.split(maxsplit=5)[5] for line in lines if str(settings.home) in line}
    return {path.removeprefix(f"{settings.home}/") for path in paths}


def assert_one_line_a_record(settings):
    """The log of each of our parts has JSON alone, but for the first line of gunicorn."""
    logs = [path for path in (settings.home / "logs").glob("*.log") if path.stem not in ("redis", "milvus")]
    lines = [line for path in logs for line in path.read_text().splitlines() if "Starting gunicorn" not in line]
    assert len(lines) > 20
    assert all(set(json.loads(line)) >= {"at", "level", "logger", "message"} for line in lines)


def assert_goes_on(settings, rooms, reached):
    with started(settings) as process:
        until(lambda: rooms.trainings.store.last(1)[0].ended_at, 300)
        process.terminate()
        assert_all_end(settings, process)
    (ended,) = rooms.trainings.store.last(1, 2)
    assert ended.status in ("promoted", "refused"), ended.error
    epochs = [line.split(",")[0].strip() for line in results(rooms, ended).read_text().splitlines()[1:]]
    assert (epochs[-1], epochs.count("1")) == ("40", 1)
    assert reached >= 2


def results(rooms, training):
    return rooms.trainings.runs / f"training-{training.id}" / "results.csv"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL], ids=lambda number: number.name)
def test_stopped_or_killed_while_it_starts_nothing_is_left(settings, rooms, number):
    with started(settings) as process:
        until(lambda: "worker-gpu" in process.log.read_text(), 60, every=0.01)

        process.send_signal(number)

        assert_all_end(settings, process)


def test_a_closed_terminal_stops_it(settings, rooms):
    master, slave = pty.openpty()
    streams = {"stdin": slave, "stdout": slave, "stderr": slave}
    with started(settings, **streams, preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0)) as process:
        os.close(slave)
        output = b""
        while b"ready" not in output:
            output += os.read(master, 4096)

        os.close(master)

        assert_all_end(settings, process)


@pytest.mark.long
def test_a_second_signal_hurries(settings, rooms):
    with started(settings) as process:
        make_busy(settings, rooms, process)
        (web,) = children(process, "gunicorn", recursive=False)
        web.suspend()  # it does not stop when asked to
        began = time.monotonic()

        process.send_signal(signal.SIGINT)
        time.sleep(0.8)
        process.send_signal(signal.SIGINT)

        assert_all_end(settings, process)
        assert time.monotonic() - began < 5


def test_a_worker_alone_takes_its_training_with_it(settings, rooms):
    with started(settings.model_copy(update={"default_workers": 1})) as process:
        until(lambda: is_ready(process), 120)
        gpu = next(iter(children(process, "worker", "gpu")))
        until(lambda: the_epoch(rooms) >= 1, 60)
        horses = gpu.children(recursive=True)
        assert horses

        gpu.kill()

        until(lambda: not names_of(horses), 5)
        process.terminate()
        assert_all_end(settings, process)


@pytest.mark.long
@pytest.mark.parametrize("seed", range(12))
def test_stopped_or_killed_at_any_moment_nothing_is_left(settings, rooms, seed):
    rng = random.Random(seed)
    with started(settings) as process:
        time.sleep(rng.uniform(0.0, 20.0))

        number = rng.choice([signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGKILL])
        process.send_signal(number)

        assert_all_end(settings, process)
    assert "Traceback" not in process.log.read_text()
