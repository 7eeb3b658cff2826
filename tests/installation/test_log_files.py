"""Logs are cut by size while their writers go on."""

import subprocess
import sys
import time
from contextlib import ExitStack

from loop.installation.upkeep.log_files import cut_logs

LINE = 100
WRITE = """
import sys
for number in range(int(sys.argv[2])):
    sys.stderr.write(f"{sys.argv[1]} {number} ".ljust(99, "x") + "\\n")
    sys.stderr.flush()
"""


def writer(log, name, count):
    """A process that appends lines to a log as the parts do: by a descriptor that it was given."""
    with log.open("ab") as output:
        return subprocess.Popen([sys.executable, "-c", WRITE, name, str(count)], stderr=output)


def lines(*files):
    return [line for file in files if file.exists() for line in file.read_text().splitlines()]


def test_a_log_never_grows_far_beyond_its_limit_and_its_end_is_there(tmp_path):
    log, former, count = tmp_path / "web.log", tmp_path / "web.log.1", 20_000
    with ExitStack() as stack:
        running = [stack.enter_context(writer(log, name, count)) for name in ("a", "b")]
        while any(process.poll() is None for process in running):
            cut_logs(tmp_path, 50_000)
            time.sleep(0.002)
        with writer(log, "end", 1) as last:  # a line of a writer that goes on may be lost while the log is cut
            last.wait()
        cut_logs(tmp_path, 50_000)

    kept = lines(former, log)
    assert log.stat().st_size <= 50_000
    assert all(len(line) == LINE - 1 for line in [*lines(former)[:-1], *lines(log)])  # the one at the cut may be short
    assert kept[-1].startswith("end 0 ")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["web.log", "web.log.1"]


def test_what_is_cut_stays_in_the_file_beside_it(tmp_path):
    log = tmp_path / "schedule.log"
    log.write_text("first\n")
    with log.open("a") as open_log:
        cut_logs(tmp_path, 3)
        open_log.write("second\n")

    assert (tmp_path / "schedule.log.1").read_text() == "first\n"
    assert log.read_text() == "second\n"


def test_small_logs_and_other_files_stay_as_they_are(tmp_path):
    for name in ("web.log", "notes.txt"):
        (tmp_path / name).write_text("x" * 100)

    cut_logs(tmp_path, 100)
    cut_logs(tmp_path / "none", 100)

    assert sorted(path.name for path in tmp_path.iterdir()) == ["notes.txt", "web.log"]
