"""One line a record in the log, whatever is in it."""

import json
import logging
import subprocess
import sys
from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from loop.errors import ImageUnreadable
from loop.log_lines import LONGEST_TRACE, JsonLines, LimitedWarnings, LineLimit, json_line
from loop.printable import LONGEST_LINE
from loop.secrecy import guard

NOW = datetime(2026, 11, 26, tzinfo=UTC)
TEXT = st.text(st.one_of(st.characters(), st.sampled_from("\n\r\x1b\x85\u2028\x00\ud800")), max_size=80)


@given(TEXT, TEXT)
def test_whatever_is_logged_is_one_line_of_json(message, trace):
    line = json_line(NOW, "INFO", "loop.test", message, trace)

    assert len(line.splitlines()) == 1
    assert line.isprintable() or not any(ord(char) < 32 for char in line)
    assert set(json.loads(line)) == {"at", "level", "logger", "message", *(["trace"] if trace else [])}
    line.encode()


def formatted(log):
    """The lines that a logger writes while *log* is called with it."""
    lines, logger = [], logging.getLogger("loop.test_log_lines")

    class Keeper(logging.Handler):
        def emit(self, record):
            lines.append(JsonLines().format(record))

    keeper = Keeper()
    logger.addHandler(keeper)
    try:
        log(logger)
    finally:
        logger.removeHandler(keeper)
    return lines


def test_a_newline_in_an_address_writes_no_line_of_its_own():
    error = ImageUnreadable("http://x/a\n2026-11-26 INFO loop.audit promoted by root", "HTTP 404")

    (line,) = formatted(lambda logger: logger.warning("task 3 has no prediction: %s", error))

    assert "\n" not in line
    assert json.loads(line)["message"].startswith("task 3 has no prediction: http://x/a 2026-11-26 INFO")


def fail():
    raise ValueError("x\n" * 100_000 + "the end")


def test_a_trace_is_in_its_record_with_its_end():
    def log(logger):
        try:
            fail()
        except ValueError:
            logger.exception("failed")

    (line,) = formatted(log)

    record = json.loads(line)
    assert (record["level"], record["message"]) == ("ERROR", "failed")
    assert record["trace"].endswith("the end")
    assert len(record["trace"]) <= LONGEST_TRACE + 1


def test_a_message_of_megabytes_is_cut():
    (line,) = formatted(lambda logger: logger.warning("%s", "x" * 5_000_000))

    assert len(line) < LONGEST_LINE + 200


def test_secrets_are_masked_in_messages_and_traces():
    guard(["a-secret-of-ours"])

    line = json_line(NOW, "INFO", "loop.test", "key a-secret-of-ours", "trace a-secret-of-ours")

    assert "a-secret" not in line


SET_UP = """
import logging, warnings
from loop.log_lines import set_up_logs
logging.getLogger("gunicorn.error").addHandler(logging.StreamHandler())
set_up_logs()
logging.getLogger("gunicorn.error").propagate = False
logging.getLogger("gunicorn.error").warning("one\\ntwo")
logging.getLogger("loop.web").info("three\\nfour")
logging.getLogger("httpx").info("not shown")
warnings.warn("five\\nsix")
"""


def test_one_set_up_serves_all_loggers_of_a_process():
    done = subprocess.run([sys.executable, "-c", SET_UP], capture_output=True, text=True, check=True)

    records = [json.loads(line) for line in done.stderr.splitlines()]
    assert [record["logger"] for record in records] == ["gunicorn.error", "loop.web", "py.warnings"]
    assert [record["message"] for record in records[:2]] == ["one\ntwo", "three\nfour"]


def test_of_many_lines_of_a_kind_one_passes_in_a_while_and_tells_of_the_others():
    now = [0.0]
    limit = LineLimit(10.0, lambda: now[0])

    first = [limit.note(kind) for kind in ("a", "a", "b", "a")]
    now[0] = 10.0
    later = [limit.note("a"), limit.note("b"), limit.note("a")]

    assert first == ["", None, "", None]
    assert later == [" (2 more like it were left out)", "", None]


def test_warnings_of_gunicorn_are_limited_and_nothing_else():
    limited = LimitedWarnings()

    def passes(level, text="%s is no HTTP"):
        record = logging.LogRecord("gunicorn.error", level, "", 0, text, ("this",), None)
        return limited.filter(record)

    assert [passes(logging.WARNING) for _ in range(3)] == [True, False, False]
    assert all(passes(level) for level in (logging.INFO, logging.ERROR) for _ in range(3))
