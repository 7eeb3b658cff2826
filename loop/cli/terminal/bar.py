"""A progress bar on stderr that makes way for every line that is printed."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, ProgressColumn, TextColumn, TimeElapsedColumn

from loop.cli.terminal import streams


class Bar:
    """The bar of one work; without a *total* it moves to and fro."""

    def __init__(self, console: Console, text: str, total: int | None = None) -> None:
        counts: list[ProgressColumn] = [] if total is None else [MofNCompleteColumn()]
        columns = (TextColumn("{task.description}", markup=False), BarColumn(), *counts, TimeElapsedColumn())
        self._progress = Progress(
            *columns, console=console, transient=True, redirect_stdout=False, redirect_stderr=False
        )
        self._task = self._progress.add_task(text, total=total)
        self._lock = threading.RLock()
        self._streams = [own for own in (streams.stdout, streams.stderr) if own.isatty()]

    def start(self) -> None:
        """Show the bar."""
        for own in self._streams:
            own.around = self._aside
        self._progress.start()

    def stop(self) -> None:
        """Remove the bar."""
        for own in self._streams:
            own.around = nullcontext
        with self._lock:
            self._progress.stop()

    def describe(self, text: str) -> None:
        """Name the stage."""
        self._progress.update(self._task, description=text)

    def count(self, done: int) -> None:
        """Show how many are done."""
        self._progress.update(self._task, completed=done)

    @contextmanager
    def _aside(self) -> Iterator[None]:
        with self._lock:
            self._progress.stop()
            try:
                yield
            finally:
                self._progress.start()
