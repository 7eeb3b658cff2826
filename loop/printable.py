"""Short texts of any values, which can be stored and printed anywhere. Pure."""

from __future__ import annotations

import re
import reprlib
import unicodedata
from collections.abc import Mapping

from loop.secrecy import redact

LONGEST_LINE = 4000  # characters of a message
BREAKS = "\n\r\t\x0b\x0c\x1c\x1d\x1e\x85\u2028\u2029"  # ends of a line to some program
TURNS = "\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"  # of the direction of text
_ESCAPED = re.compile(f"[\x00-\x09\x0b-\x1f\x7f-\x9f\u2028\u2029{TURNS}\ud800-\udfff]")

_REPR = reprlib.Repr()  # for values that may be huge, or contain themselves as YAML can
_REPR.maxlevel, _REPR.maxlist, _REPR.maxdict, _REPR.maxtuple, _REPR.maxset = 4, 12, 12, 12, 12
_REPR.maxstring, _REPR.maxlong, _REPR.maxother = 2000, 200, 2000


def shorten(value: object, most: int = 120) -> str:
    """Return the beginning of a text, or of the repr of another value, in a form that can be stored and printed."""
    try:
        text = value if isinstance(value, str) else _REPR.repr(value)
    except (RecursionError, ValueError):  # a number may have too many digits to be written
        text = "something nested too deeply or far too long"
    text = redact(text[: most + 2000])  # before it is cut: half a secret would not be masked
    text = text[: most + 1].encode("utf-8", "backslashreplace").decode().replace("\0", "\\0")
    return text if len(text) <= most else f"{text[:most]}…"


def count_of(number: int, noun: str) -> str:
    """Return a number of things: `1 worker`, `2 workers`."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def as_line(text: str, most: int = LONGEST_LINE) -> str:
    """Return the beginning of a text as one line, without secrets, and without characters that a terminal obeys."""
    return one_line(shorten(text, most))


def one_line(text: str) -> str:
    """Replace line breaks by spaces, and other control characters by U+FFFD."""
    return printable("".join(" " if char in BREAKS else char for char in text))


def printable(text: str) -> str:
    """Replace control characters other than line feeds, turns of direction, and lone surrogates by U+FFFD."""
    return "".join("\ufffd" if _is_obeyed(char) else char for char in text)


def escape(json: str) -> str:
    """Return JSON with every character that a terminal or a log obeys as its escape; it means the same."""
    return _ESCAPED.sub(lambda match: f"\\u{ord(match[0]):04x}", json)


def _is_obeyed(char: str) -> bool:
    return char != "\n" and (char in TURNS or unicodedata.category(char) in ("Cc", "Cs"))


def list_by_task(reasons: Mapping[int, str], most: int, length: int | None = None) -> str:
    """List the first *most* reasons by task, in at most *length* characters, and count the other tasks."""
    listed = "; ".join(f"task {task_id}: {reason}" for task_id, reason in sorted(reasons.items())[:most])
    more = f"; and {len(reasons) - most} tasks more" if len(reasons) > most else ""
    return f"{listed if length is None else shorten(listed, length)}{more}"
