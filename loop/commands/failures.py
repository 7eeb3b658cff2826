"""What a person at the terminal is told where a command fails, and its exit code."""

from __future__ import annotations

import errno
import traceback
from datetime import UTC, datetime
from pathlib import Path

import httpx
from redis.exceptions import RedisError
from sqlalchemy.exc import SQLAlchemyError

from loop.errors import LoopError
from loop.secrecy import redact
from loop.settings import Settings

DONE, FAILED, WRONG_USAGE, BUG, INTERRUPTED = 0, 1, 2, 70, 130
ADVICE = {
    errno.ENOSPC: "make room on that disk, then run the command again",
    errno.EDQUOT: "make room in this user's share of that disk, then run the command again",
    errno.ENOENT: "see how the path is written",
    errno.EISDIR: "give a file, not a folder",
    errno.ENOTDIR: "a part of the path is a file: give another path",
    errno.EACCES: "let this user read and write it",
    errno.EPERM: "let this user read and write it",
    errno.EROFS: "give a path on a disk that can be written",
    errno.ENAMETOOLONG: "give a shorter path",
    errno.EMFILE: "raise the limit of open files (ulimit -n)",
}


KINDS: tuple[tuple[type[Exception] | tuple[type[Exception], ...], str], ...] = (
    (LoopError, "{error}"),
    (UnicodeEncodeError, "{error}: an argument or a name has bytes that are no text in UTF-8"),
    (UnicodeError, "a text cannot be read or written: {error}; save the file as UTF-8"),
    (RedisError, "Redis did not answer: {error}; start `loop up`, or set LOOP_REDIS_URL"),
    ((httpx.HTTPError, httpx.InvalidURL), "no answer over HTTP: {error}; see that the address is right and answers"),
    (SQLAlchemyError, "the records: {error}; `loop doctor` looks at them"),
    (MemoryError, "not enough memory {error}; give fewer or smaller files, or run it where there is more"),
)


def explain(error: Exception) -> str | None:
    """Say what is wrong, where, and what to do; None of an error that only a bug brings about."""
    if isinstance(error, OSError):
        return _explain_file(error)
    message = next((message for kind, message in KINDS if isinstance(error, kind)), None)
    text = str(error) or type(error).__name__
    return message.format(error=text if isinstance(error, LoopError) else text.splitlines()[0]) if message else None


def _explain_file(error: OSError) -> str:
    named = " -> ".join(str(name) for name in (error.filename, error.filename2) if name is not None)
    problem = error.strerror or str(error) or type(error).__name__
    advice = ADVICE.get(error.errno or 0)
    return f"{f'{named}: ' if named else ''}{problem}{f'; {advice}' if advice else ''}"


def note_bug(error: Exception, arguments: list[str]) -> str:
    """Write the trace of a bug under LOOP_HOME, and say where it is; where that fails, say the trace itself."""
    trace = redact("".join(traceback.format_exception(error)))
    try:
        log = Settings.read().home / "logs" / "errors.log"
        _append(log, f"{datetime.now(UTC):%Y-%m-%d %H:%M:%S} UTC loop {redact(' '.join(arguments))}\n{trace}\n")
    except (LoopError, OSError):
        where = f"\n{trace}"
    else:
        where = str(log)
    summary = redact(f"{type(error).__name__}: {error}").splitlines()[0][:200]
    return f"internal error ({summary}): this is a bug; please report it with the trace in {where}"


def _append(log: Path, text: str) -> None:
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("a", encoding="utf-8", errors="backslashreplace") as file:
        file.write(text)
