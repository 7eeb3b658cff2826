"""Nothing that `loop up` started outlives it, however it ends; and what was cut off goes on at the next start."""

import fcntl
import os
import pty
import random
import signal
import socket
import subprocess
import sys
import termios
import time
from contextlib import closing, contextmanager, suppress

import psutil
import pytest
from redis import Redis
from rq import Queue

from loop.wiring import build
from scripts.demo.label_studio import free_port
from tests.services import children, run_loop, until
from tests.training.builders import reviewed_project, settings_in

pytestmark = pytest.mark.timeout(600)
A_FEW_SECONDS = 12.0  # with a machine that does other things as well


@pytest.fixture
def silent_studio():
    """A Label Studio that takes requests and never answers: a refresh waits for it."""
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen(64)
        yield f"http://127.0.0.1:{server.getsockname()[1]}"


@pytest.fixture
def settings(tmp_path, silent_studio, monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    return settings_in(
        tmp_path / "home",
        LOOP_REDIS_URL="",
        LOOP_PORT=str(free_port()),
        LOOP_EPOCHS="40",
        LABEL_STUDIO_URL=silent_studio,
        LABEL_STUDIO_API_KEY="k",
    )


@pytest.fixture
def rooms(settings):
    """A project with a training and a refresh asked for."""
    reviewed_project(settings)
    with closing(build(settings)) as built:
        built.trainings.store.ask(1, "by hand")
        built.studio.projects.ask_refresh(1)
        yield built


@contextmanager
def started(settings, **options):
    """`loop up`, whose output goes to a file; killed with all that is left of it in the end."""
    log = settings.home.parent / "up.log"
    environment = {**os.environ, **settings.environment(), "PYTHONUNBUFFERED": "1"}
    command = [sys.executable, "-m", "loop.cli.main", "up"]
    with log.open("w") as output:
        streams = {"stdout": output, "stderr": output, **options}
        process = subprocess.Popen(command, env=environment, start_new_session=True, **streams)
    process.log = log
    try:
        yield process
    finally:
        for left in [psutil.Process(process.pid), *of_home(settings)] if process.poll() is None else of_home(settings):
            with suppress(psutil.Error):
                left.kill()
        process.wait()


def of_home(settings):
    """Every process of this machine, but this one, that was started with that LOOP_HOME."""
    found = []
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            if process.pid != os.getpid() and process.environ().get("LOOP_HOME") == str(settings.home):
                found.append(process)
    return found


def assert_all_end(settings, process):
    until(lambda: not of_home(settings), A_FEW_SECONDS, every=0.1)
    process.wait(1)


def is_ready(process):
    assert process.poll() is None, process.log.read_text()
    return "ready" in process.log.read_text()


def the_epoch(rooms):
    return (rooms.trainings.store.last(1)[0].progress or {}).get("epoch", 0)


def make_busy(settings, rooms, process):
    """Wait until a training and a refresh run, and a job whose child has a session of its own."""
    until(lambda: is_ready(process), 120)
    queue = Queue("default", connection=Redis.from_url(settings.redis))
    queue.enqueue(subprocess.call, ["sleep", "600"], start_new_session=True)
    until(lambda: [one for one in of_home(settings) if one.name() == "sleep"], 60)
    until(lambda: the_epoch(rooms) >= 2, 120)
    queue.connection.close()


@pytest.mark.parametrize(
    "number",
    [
        signal.SIGTERM,
        signal.SIGKILL,
        pytest.param(signal.SIGINT, marks=pytest.mark.long),
        pytest.param(signal.SIGHUP, marks=pytest.mark.long),
    ],
    ids=lambda number: number.name,
)
def test_stopped_or_killed_at_work_nothing_is_left_and_the_training_goes_on(settings, rooms, number):
    with started(settings) as process:
        make_busy(settings, rooms, process)
        reached = the_epoch(rooms)

        process.send_signal(number)

        assert_all_end(settings, process)
        said = process.log.read_text()
        assert ("\nstopped" in said) is (number != signal.SIGKILL)
        assert process.returncode == (-9 if number == signal.SIGKILL else 0), said
    training = rooms.trainings.store.last(1)[0]
    assert training.ended_at is None
    if number == signal.SIGTERM:
        assert training.stalled == 0  # an orderly stop is no death
    if number in (signal.SIGTERM, signal.SIGKILL):
        assert_goes_on(settings, rooms, reached)


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


def test_killed_together_with_its_guard_nothing_is_left(settings, rooms):
    with started(settings) as process:
        make_busy(settings, rooms, process)
        (guard,) = children(process, "loop.installation.guard")

        guard.kill()
        process.kill()

        until(lambda: {one.name() for one in of_home(settings)} <= {"sleep"}, A_FEW_SECONDS)
        left = of_home(settings)  # a session of its own, and nobody who knows of it
        with started(settings) as next_one:
            until(lambda: is_ready(next_one), 60)
            assert not [one for one in left if one.is_running()]
            next_one.terminate()
            assert_all_end(settings, next_one)


@pytest.mark.long
def test_a_killed_guard_is_replaced(settings):
    build(settings, migrate=True).close()
    with started(settings) as process:
        until(lambda: is_ready(process), 120)
        (guard,) = children(process, "loop.installation.guard")

        guard.kill()

        until(lambda: [one for one in children(process, "loop.installation.guard") if one.pid != guard.pid], 10)
        process.kill()
        assert_all_end(settings, process)


def test_a_second_one_on_the_same_home_is_refused_by_name(settings):
    with started(settings) as process:
        until(lambda: is_ready(process), 120)
        other = settings.model_copy(update={"port": free_port()})

        said = run_loop(other, "up", ok=False)

        assert f"another `loop up` (process {process.pid}) runs on LOOP_HOME={settings.home}" in said.replace("\n", "")
        assert process.poll() is None
        process.terminate()
        assert_all_end(settings, process)


@pytest.mark.long
def test_two_installations_do_not_touch_each_other(settings, tmp_path):
    other = settings.model_copy(update={"home": tmp_path / "other home", "port": free_port()})
    with started(settings) as process:
        until(lambda: is_ready(process), 120)
        (tmp_path / "other").mkdir()
        with started(other) as second:
            until(lambda: is_ready(second), 60)
            running = {one.pid for one in of_home(settings)}

            second.kill()

            assert_all_end(other, second)
            assert {one.pid for one in of_home(settings)} == running
        process.terminate()
        assert_all_end(settings, process)


@pytest.mark.long
def test_a_second_signal_hurries(settings, rooms):
    with started(settings) as process:
        make_busy(settings, rooms, process)
        web = next(one for one in children(process, "gunicorn") if one.ppid() == process.pid)
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

        psutil.wait_procs(horses, 5)
        assert not [one for one in horses if one.is_running() and one.status() != psutil.STATUS_ZOMBIE]
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
