"""Messages on stderr: the progress of long commands, log records, and errors with their exit codes."""

from __future__ import annotations

import errno
import logging
import threading
import time
import traceback
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TypeVar

import typer

from loop.errors import LoopError
from loop.printable import as_line
from loop.secrecy import redact

DONE, FAILED, WRONG_USAGE, BUG = 0, 1, 2, 70
ADVICE = {
    errno.ENOSPC: "make room on that disk, then run the command again",
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


def tell(text: str) -> None:
    """Print one line on stderr, of limited length, without secrets and control characters."""
    typer.echo(as_line(text), err=True)


def run_and_explain(command: Callable[[Sequence[str]], int], arguments: Sequence[str]) -> int:
    """Run a command and return its exit code. An exception becomes a message on stderr."""
    logging.lastResort = Teller(logging.WARNING)  # for a command that configures no logging
    try:
        return command(arguments)
    except BrokenPipeError:
        raise
    except Exception as error:  # noqa: BLE001 (the last resort)
        message = explain(error)
        tell(f"loop: {message or note_bug(error, list(arguments))}")
        return FAILED if message else BUG


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


class Teller(logging.Handler):
    """Print log records on stderr, one line each; write their traces to a file."""

    def emit(self, record: logging.LogRecord) -> None:
        """Print a record."""
        text = record.getMessage()
        if record.exc_info and record.exc_info[0] and not issubclass(record.exc_info[0], LoopError):
            trace = record.exc_text or "".join(traceback.format_exception(*record.exc_info))
            text = f"{text}; the trace is in {note_trace(text, trace)}"
        tell(text)


EVERY = 20.0  # seconds between two lines

T = TypeVar("T")


@contextmanager
def narrate(work: str, *, every: float = EVERY) -> Iterator[None]:
    """Print the start of *work*, each logged step, and the elapsed time every *every* seconds."""
    ended, start = threading.Event(), time.monotonic()

    def print_elapsed() -> None:
        while not ended.wait(every):
            tell(f"{work}: {time.monotonic() - start:.0f} s so far")

    steps = Teller()
    log = logging.getLogger("loop")
    before = log.level
    log.addHandler(steps)
    log.setLevel(logging.INFO)
    tell(f"{work} …")
    threading.Thread(target=print_elapsed, daemon=True).start()
    try:
        yield
    finally:
        ended.set()
        log.removeHandler(steps)
        log.setLevel(before)


def show_count(things: Iterable[T], name: str, total: int, *, every: float = EVERY) -> Iterator[T]:
    """Yield *things* and show how many are done: a bar on a terminal, lines elsewhere."""
    from rich.progress import track

    from loop.cli.options import Door

    screen = Door(stderr=True)
    if screen.is_terminal:
        yield from track(things, name, total, console=screen, transient=True)
        return
    last = time.monotonic()
    for number, thing in enumerate(things, start=1):
        yield thing
        if time.monotonic() - last >= every:
            last = time.monotonic()
            tell(f"{name}: {number} of {total}")
