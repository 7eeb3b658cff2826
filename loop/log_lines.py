"""The log of web, workers and schedule: one line a record, as JSON, in which no text begins a line of its own."""

from __future__ import annotations

import json
import logging
import traceback
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
