"""Short texts of any values, which can be stored and printed anywhere. Pure."""

from __future__ import annotations

import reprlib
from collections.abc import Mapping

from loop.secrecy import redact

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


def list_by_task(reasons: Mapping[int, str], most: int, length: int | None = None) -> str:
    """List the first *most* reasons by task, in at most *length* characters, and count the other tasks."""
    listed = "; ".join(f"task {task_id}: {reason}" for task_id, reason in sorted(reasons.items())[:most])
    more = f"; and {len(reasons) - most} tasks more" if len(reasons) > most else ""
    return f"{listed if length is None else shorten(listed, length)}{more}"
