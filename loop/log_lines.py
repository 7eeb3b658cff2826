"""The log of web, workers and schedule: one line a record, as JSON, in which no text begins a line of its own."""

from __future__ import annotations

import json
import logging
import math
import threading
import time
import traceback
from collections.abc import Callable
from datetime import UTC, datetime

from loop.printable import LONGEST_LINE, escape, shorten

LONGEST_TRACE = 20_000  # characters; the end of a trace tells most
CHATTY = ("rq", "httpx", "httpcore", "alembic")
WITH_OWN_HANDLERS = ("gunicorn.error", "gunicorn.access")


class JsonLines(logging.Formatter):
    """Formats a record as JSON: when, level, logger, message, and the trace if it has one."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line of a record."""
        moment = datetime.fromtimestamp(record.created, UTC)
        trace = record.exc_text or (record.exc_info and "".join(traceback.format_exception(*record.exc_info))) or ""
        return json_line(moment, record.levelname, record.name, record.getMessage(), trace.rstrip())


def json_line(moment: datetime, level: str, logger: str, message: str, trace: str = "") -> str:
    """Return one record as a line of JSON, without secrets; message and trace are cut."""
    content = {"at": moment.isoformat(timespec="milliseconds"), "level": level, "logger": logger}
    content["message"] = shorten(message, LONGEST_LINE)
    if trace:
        content["trace"] = shorten(trace[-LONGEST_TRACE:], LONGEST_TRACE)
    return escape(json.dumps(content, ensure_ascii=False))


class LineLimit:
    """Lets one log line of each kind pass in *seconds*. Use few kinds: each is kept in memory."""

    def __init__(self, seconds: float = 10.0, clock: Callable[[], float] = time.monotonic) -> None:
        self._seconds, self._clock = seconds, clock
        self._kinds: dict[str, tuple[float, int]] = {}  # when the last line passed, and how many did not since
        self._lock = threading.Lock()

    def note(self, kind: str) -> str | None:
        """Return the end of a line, which tells how many of its kind were left out; None to leave this one out too."""
        now = self._clock()
        with self._lock:
            passed_at, left_out = self._kinds.get(kind, (-math.inf, 0))
            if now - passed_at < self._seconds:
                self._kinds[kind] = (passed_at, left_out + 1)
                return None
            self._kinds[kind] = (now, 0)
        return f" ({left_out} more like it were left out)" if left_out else ""


class LimitedWarnings(logging.Filter):
    """Lets few warnings of one logger pass: each stranger who sends no HTTP makes gunicorn warn of it."""

    def __init__(self, limit: LineLimit | None = None) -> None:
        super().__init__()
        self._limit = limit or LineLimit()

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether a record passes."""
        end = "" if record.levelno != logging.WARNING else self._limit.note(record.name)
        if end:
            record.msg, record.args = f"{record.getMessage()}{end}", ()
        return end is not None


def set_up_logs() -> None:
    """Send all records of this process from INFO on to stderr, one line each."""
    lines = JsonLines()
    if not logging.getLogger().handlers:
        handler = logging.StreamHandler()
        handler.setFormatter(lines)
        logging.basicConfig(level=logging.INFO, handlers=[handler])
        logging.captureWarnings(capture=True)
    for chatty in CHATTY:
        logging.getLogger(chatty).setLevel(logging.WARNING)
    for name in WITH_OWN_HANDLERS:
        for own in logging.getLogger(name).handlers:
            own.setFormatter(lines)
