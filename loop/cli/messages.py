"""Messages on stderr: errors with their exit codes, log records, and the progress of long commands."""

from __future__ import annotations

import json
import logging
import sys
import threading
import time
import traceback
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import IO, TYPE_CHECKING, TypeVar, cast

from loop.cli.terminal import streams
from loop.cli.terminal.explanations import explain, note_bug, note_trace
from loop.errors import LoopError
from loop.printable import as_line, escape

if TYPE_CHECKING:
    from loop.cli.terminal.bar import Bar

DONE, FAILED, WRONG_USAGE, BUG = 0, 1, 2, 70
JSON = "--json"


def tell(text: str) -> None:
    """Print one line on stderr, of limited length, without secrets and control characters."""
    streams.stderr.write(f"{as_line(text)}\n")
    streams.stderr.flush()


def run_and_explain(command: Callable[[Sequence[str]], int], arguments: Sequence[str]) -> int:
    """Run a command and return its exit code. An exception becomes a message on stderr."""
    logging.lastResort = Teller(logging.WARNING)  # for a command that configures no logging
    try:
        return command(arguments)
    except BrokenPipeError:
        raise
    except Exception as error:  # noqa: BLE001 (the last resort)
        message = explain(error)
        code, text = FAILED if message else BUG, message or note_bug(error, list(arguments))
        tell(f"loop: {text}")
        print_error(type(error).__name__, text, code, arguments)
        return code


def print_error(kind: str, message: str, code: int, arguments: Sequence[str]) -> None:
    """Print an error as JSON on stdout, if the *arguments* of the command ask for JSON."""
    if JSON in arguments:
        error = {"error": {"kind": kind, "message": as_line(message)}, "exit_code": code}
        streams.stdout.write(f"{escape(json.dumps(error, indent=2))}\n")


class Teller(logging.Handler):
    """Print our log records on stderr, one line each, and write their traces to a file; others go to stderr's log."""

    def emit(self, record: logging.LogRecord) -> None:
        """Print a record."""
        text = record.getMessage()
        if record.exc_info and record.exc_info[0] and not issubclass(record.exc_info[0], LoopError):
            trace = record.exc_text or "".join(traceback.format_exception(*record.exc_info))
            text = f"{text}; the trace is in {note_trace(text, trace)}"
        if record.name.partition(".")[0] not in OURS:
            sys.stderr.write(f"{as_line(f'{record.name}: {text}')}\n")
        else:
            self.tell(text, record.levelno)

    def tell(self, text: str, level: int) -> None:  # noqa: ARG002 (another handler tells by it)
        """Print a text."""
        tell(text)


class Steps(Teller):
    """Hands records to a narration as its steps; warnings are printed at once."""

    def __init__(self, narration: Narration) -> None:
        super().__init__()
        self._narration = narration

    def tell(self, text: str, level: int) -> None:
        """Print a text, or tell it as a step."""
        if level >= logging.WARNING and self._narration.is_heard:
            tell(text)
        elif self._narration.is_heard:
            self._narration.step(text)


EVERY = 20.0  # seconds between two lines
LATE = 2.0  # seconds after which a command says that it works
LENGTH, STAGES = 60, 50  # characters of a stage beside a bar; stages that are told late

OURS = ("backend", "loop", "scripts")  # beginnings of the names of our loggers

T = TypeVar("T")
_narrations: list[Narration] = []  # that go on; the last one is heard


class Narration:
    """Tells of a work as long as it goes on: by a bar on a terminal, elsewhere by one line for each stage."""

    def __init__(self, work: str, every: float = EVERY, total: int | None = None) -> None:
        self._work, self._every, self._total = work, every, total
        self._began, self._told = time.monotonic(), time.monotonic()
        self._ended, self._lock = threading.Event(), threading.Lock()
        self._early: deque[str] | None = deque(maxlen=STAGES)  # before the beginning
        self._bar: Bar | None = None

    @property
    def is_heard(self) -> bool:
        """Whether no other narration began within this one."""
        return _narrations[-1:] == [self]

    def begin(self) -> None:
        """Begin to tell."""
        from loop.cli.options import Door

        screen = Door(file=cast("IO[str]", streams.stderr.raw))
        with self._lock:
            if self._ended.is_set() or self._early is None:
                return
            stages, self._early = list(self._early), None
            if screen.is_terminal:
                from loop.cli.terminal.bar import Bar

                self._bar = Bar(screen, as_line([self._work, *stages][-1], LENGTH), self._total)
                self._bar.start()
                return
        for line in [f"{self._work} …", *stages] if self._total is None else stages:
            tell(line)

    def step(self, stage: str) -> None:
        """Tell the next stage."""
        if self._bar:
            self._bar.describe(as_line(stage, LENGTH))
        elif self._early is None:
            tell(stage)
        else:
            self._early.append(stage)

    def count(self, done: int) -> None:
        """Tell how many are done."""
        if self._bar:
            self._bar.count(done)
        elif time.monotonic() - self._told >= self._every:
            self._told = time.monotonic()
            tell(f"{self._work}: {done} of {self._total}")

    def go_on(self, after: float) -> None:
        """Begin *after* some seconds, and tell the elapsed time from time to time."""
        wait = after or self._every
        while not self._ended.wait(wait):
            wait = self._every if self.is_heard else LATE
            if self.is_heard and self._early is not None:
                self.begin()
            elif self.is_heard and not self._bar and self._total is None:
                tell(f"{self._work}: {time.monotonic() - self._began:.0f} s so far")

    def hush(self) -> None:
        """Tell nothing while another narration goes on."""
        with self._lock:
            if self._bar:
                self._bar.stop()
            self._bar, self._early = None, deque(maxlen=STAGES)

    def end(self) -> None:
        """Tell nothing more."""
        self._ended.set()
        self.hush()


@contextmanager
def narrate(work: str, *, every: float = EVERY, after: float = 0.0, total: int | None = None) -> Iterator[Narration]:
    """
    Show that *work* goes on, each logged step, and the elapsed time; in the first *after* seconds nothing.

    A narration within another one speaks in its place from then on.
    """
    narration, log = Narration(work, every, total), logging.getLogger("loop")
    for other in _narrations:
        other.hush()
    _narrations.append(narration)
    steps, before = Steps(narration), log.level
    log.addHandler(steps)
    log.setLevel(logging.INFO)
    if not after:
        narration.begin()
    threading.Thread(target=narration.go_on, args=(after,), daemon=True).start()
    try:
        yield narration
    finally:
        narration.end()
        _narrations.remove(narration)
        log.removeHandler(steps)
        log.setLevel(before)


def show_count(things: Iterable[T], name: str, total: int, *, every: float = EVERY) -> Iterator[T]:
    """Yield *things* and show how many are done: a bar on a terminal, lines elsewhere."""
    with narrate(name, every=every, total=total) as narration:
        for number, thing in enumerate(things, start=1):
            yield thing
            narration.count(number)
