"""The end of a part's log."""

from datetime import UTC, datetime

import pytest

from loop.installation.watching.logs import LONGEST_READ, read_log_end
from loop.log_lines import json_line


@pytest.fixture
def log(tmp_path):
    path = tmp_path / "logs" / "worker-gpu.log"
    path.parent.mkdir()
    return path


def line(hour, message, trace=""):
    return json_line(datetime(2026, 1, 1, hour, tzinfo=UTC), "INFO", "loop.jobs", message, trace)


def test_the_last_records_come_oldest_first(tmp_path, log):
    log.write_text("\n".join([line(1, "one"), line(2, "two"), line(3, "three", "a trace")]))

    entries = read_log_end(tmp_path, "worker-gpu", 2)

    assert [(entry.message, entry.trace) for entry in entries] == [("two", ""), ("three", "a trace")]


def test_records_before_a_moment_are_left_out(tmp_path, log):
    log.write_text("\n".join([line(1, "one"), line(2, "two")]))

    assert [entry.message for entry in read_log_end(tmp_path, "worker-gpu", since="2026-01-01T01:30")] == ["two"]


def test_of_a_long_log_the_end_is_read_from_a_whole_line_on(tmp_path, log):
    log.write_text("\n".join(line(1, f"{number} {'x' * 1000}") for number in range(1000)))

    entries = read_log_end(tmp_path, "worker-gpu", 10_000)

    assert 200 < len(entries) < LONGEST_READ // 1000
    assert all(entry.level == "INFO" for entry in entries)
    assert entries[-1].message.startswith("999 ")


@pytest.mark.parametrize("text", ["no JSON", "[1]", "{}", "3", '"at"', "[" * 100_000, "\udcff"])
def test_a_line_that_is_no_record_is_a_message(tmp_path, log, text):
    log.write_bytes(text.encode(errors="surrogateescape"))

    (entry,) = read_log_end(tmp_path, "worker-gpu")

    assert (entry.at, bool(entry.message)) == ("", True)


@pytest.mark.parametrize("part", ["", "..", "../logs/worker-gpu", "/etc/passwd", "worker-gpu.log", "nothing", "\0"])
def test_a_part_is_a_name_and_never_a_path(tmp_path, log, part):
    log.write_text(line(1, "one"))

    assert read_log_end(tmp_path, part) == []
