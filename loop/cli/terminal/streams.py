"""The streams of this process: our own output goes to the terminal, that of libraries to a file."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext, suppress
from pathlib import Path
from typing import Any, TextIO


class OwnStream:
    """The stdout or the stderr of this process, also while libraries write into a file instead."""

    def __init__(self, name: str, number: int) -> None:
        self._name, self._number = name, number
        self._kept: TextIO | None = None
        self.around: Callable[[], AbstractContextManager[Any]] = nullcontext  # entered for each write

    def __getattr__(self, name: str) -> Any:
        return getattr(self.raw, name)

    @property
    def raw(self) -> TextIO:
        """The stream itself."""
        return self._kept or getattr(sys, self._name)

    def write(self, text: str) -> int:
        """Write a text."""
        with self.around():
            return self.raw.write(text)

    @contextmanager
    def apart(self, log: TextIO) -> Iterator[None]:
        """Keep the stream for our own output; all else that writes to it writes to *log*, C libraries too."""
        stream = self.raw
        self._kept = stream
        setattr(sys, self._name, log)
        try:
            if stream is getattr(sys, f"__{self._name}__") and stream.fileno() == self._number:
                with self._own_descriptor(stream, log):
                    yield
            else:  # a test, or a program that runs the command in its own process
                yield
        finally:
            self._kept = None
            setattr(sys, self._name, stream)

    @contextmanager
    def _own_descriptor(self, stream: TextIO, log: TextIO) -> Iterator[None]:
        stream.flush()
        own = os.dup(self._number)
        self._kept = os.fdopen(
            own, "w", encoding=stream.encoding, errors=stream.errors, buffering=1 if stream.isatty() else -1
        )
        os.dup2(log.fileno(), self._number)
        try:
            yield
            self._kept.flush()
        finally:
            os.dup2(own, self._number)
            with suppress(OSError):  # the reader is gone, which the flush above has said
                self._kept.close()


stdout, stderr = OwnStream("stdout", 1), OwnStream("stderr", 2)


@contextmanager
def keep_libraries_out(log: Path) -> Iterator[None]:
    """
    Let nothing but our own output reach the terminal: all else that is printed goes to the file *log*.

    Where its folder does not exist, it is lost: a command that needs no installation makes none.
    """
    place = log if log.parent.is_dir() and os.access(log.parent, os.W_OK) else Path(os.devnull)
    descriptor = os.open(place, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    with (
        os.fdopen(descriptor, "a", buffering=1, encoding="utf-8", errors="backslashreplace") as file,
        ExitStack() as both,
    ):
        for own in (stdout, stderr):
            both.enter_context(own.apart(file))
        yield
