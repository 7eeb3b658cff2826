"""`loop logs`, on the files that the parts write."""

import json
import os
import subprocess
import sys
import time

import pytest

from tests.terminal import loop


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Logs of the web part, of a worker, and of Redis, which writes no JSON."""
    monkeypatch.setenv("LOOP_HOME", str(tmp_path))
    folder = tmp_path / "logs"
    folder.mkdir()
    (folder / "web.log").write_text(record(1, "first") + record(4, "fourth", level="ERROR", trace="Trace\n  line 1"))
    (folder / "worker-gpu.log").write_text(record(2, "second") + record(3, "third"))
    (folder / "redis.log").write_text("# Redis is ready\n")
    return folder


def record(second, message, level="INFO", **more):
    content = {"at": f"2026-01-01T00:00:0{second}+00:00", "level": level, "logger": "loop", "message": message, **more}
    return json.dumps(content) + "\n"


def test_the_lines_of_all_parts_stand_in_the_order_of_their_times(folder):
    ended = loop("logs")

    messages = ["# Redis is ready", "first", "second", "third", "fourth", "Trace", "line 1"]
    assert [line.split(None, 4)[-1] if "worker" in line else line for line in ended.out.splitlines()]
    assert [next(text for text in messages if text in line) for line in ended.out.splitlines()] == messages


def test_one_part_by_the_beginning_of_its_name_and_only_its_last_line(folder):
    ended = loop("logs", "work", "--lines", "1")

    assert ended.out.split() == ["2026-01-01", "00:00:03", "worker-gpu", "INFO", "third"]


def test_a_part_without_a_log_is_named_with_those_that_have_one(folder):
    ended = loop("logs", "milvus")

    assert ended.code == 1
    assert "redis, web, worker-gpu" in ended.err


def test_a_program_gets_a_record_a_line(folder):
    first, *_ = [json.loads(line) for line in loop("logs", "web", "--json").out.splitlines()]

    assert first == {"part": "web", "at": "2026-01-01T00:00:01+00:00", "level": "INFO", "message": "first", "trace": ""}


def test_lines_of_a_log_that_was_cut_come_from_the_one_before(folder):
    (folder / "web.log").replace(folder / "web.log.1")
    (folder / "web.log").write_text(record(5, "fifth"))

    assert [line.split()[-1] for line in loop("logs", "web", "-n", "2").out.splitlines() if "2026" in line] == [
        "fourth",
        "fifth",
    ]


def test_a_log_is_followed_also_when_it_is_cut(folder):
    program = [sys.executable, "-u", "-m", "loop.cli.main", "logs", "web", "-f", "--json"]
    follower = subprocess.Popen(program, stdout=subprocess.PIPE, text=True, env={**os.environ})
    try:
        assert [json.loads(follower.stdout.readline())["message"] for _ in range(2)] == ["first", "fourth"]
        with (folder / "web.log").open("a") as log:
            log.write(record(5, "fifth")[:20])
            log.flush()
            time.sleep(0.7)
            log.write(record(5, "fifth")[20:])
        assert json.loads(follower.stdout.readline())["message"] == "fifth"
        (folder / "web.log").write_text(record(6, "sixth"))
        assert json.loads(follower.stdout.readline())["message"] == "sixth"
    finally:
        follower.kill()
        follower.wait()
