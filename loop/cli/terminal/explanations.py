"""Errors as sentences: what is wrong, where, and what to do."""

from __future__ import annotations

import errno
import traceback
from collections.abc import Iterator
from datetime import UTC, datetime

from loop.errors import LoopError
from loop.secrecy import redact

ADVICE = {
    errno.ENOSPC: "make room on that disk, then run the command again",
    errno.EFBIG: "give a path on a disk that takes larger files",
    errno.EDQUOT: "make room in this user's share of that disk, then run the command again",
    errno.ENOENT: "check the spelling of the path",
    errno.EISDIR: "give a file, not a folder",
    errno.ENOTDIR: "a part of the path is a file: give another path",
    errno.EACCES: "let this user read and write it",
    errno.EPERM: "let this user read and write it",
    errno.EROFS: "give a path on a disk that can be written",
    errno.ENAMETOOLONG: "give a shorter path",
    errno.EMFILE: "raise the limit of open files (ulimit -n)",
}


def explain(error: Exception) -> str | None:
    """Say what is wrong, where, and what to do; return None for an error that only a bug causes."""
    if isinstance(error, OSError):
        return _explain_file(error)
    message = next((message for kind, message in _messages() if isinstance(error, kind)), None)
    text = str(error) or type(error).__name__
    return message.format(error=text if isinstance(error, LoopError) else text.splitlines()[0]) if message else None


def _messages() -> Iterator[tuple[type[Exception] | tuple[type[Exception], ...], str]]:
    yield LoopError, "{error}"
    yield UnicodeEncodeError, "{error}: an argument or a name has bytes that are no text in UTF-8"
    yield UnicodeError, "a text cannot be read or written: {error}; save the file as UTF-8"
    yield MemoryError, "not enough memory {error}; give fewer or smaller files, or run it where there is more"

    import httpx  # from here on only an error that the kinds above do not have
    from redis.exceptions import RedisError
    from sqlalchemy.exc import SQLAlchemyError

    yield RedisError, "Redis did not answer: {error}; start `loop up`, or set LOOP_REDIS_URL"
    no_answer = "no answer over HTTP: {error}; see that the address is right and answers"
    yield (httpx.HTTPError, httpx.InvalidURL), no_answer
    yield SQLAlchemyError, "the records: {error}; `loop doctor` looks at them"


def _explain_file(error: OSError) -> str:
    named = " -> ".join(str(name) for name in (error.filename, error.filename2) if name is not None)
    problem = error.strerror or str(error) or type(error).__name__
    advice = ADVICE.get(error.errno or 0)
    return f"{f'{named}: ' if named else ''}{problem}{f'; {advice}' if advice else ''}"


def note_bug(error: Exception, arguments: list[str]) -> str:
    """Report a bug with the file of its trace, or with the trace if no file can be written."""
    trace = "".join(traceback.format_exception(error))
    where = note_trace(f"loop {' '.join(arguments)}", trace)
    summary = redact(f"{type(error).__name__}: {error}").splitlines()[0][:200]
    return f"internal error ({summary}): this is a bug; please report it with the trace in {where}"


def note_trace(message: str, trace: str) -> str:
    """Write a trace, as a line, under LOOP_HOME; return the file, or the trace if no file can be written."""
    from loop.log_lines import json_line
    from loop.settings import Settings
    from loop.storage.home_folder import make_home

    line = json_line(datetime.now(UTC), "ERROR", "loop.cli", message, trace)
    try:
        home = Settings.read().home
        make_home(home)
        log = home / "logs" / "errors.log"
        log.parent.mkdir(parents=True, exist_ok=True)
        with log.open("a", encoding="utf-8") as file:
            file.write(f"{line}\n")
    except (LoopError, OSError):
        return trace
    return str(log)
