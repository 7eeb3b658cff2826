"""Progress of long commands: one line per step on stderr, also into a pipe."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import TypeVar

import typer
from rich.console import Console
from rich.progress import track

from loop.cli.failures import Teller

EVERY = 20.0  # seconds between two lines

T = TypeVar("T")


@contextmanager
def narrate(work: str, *, every: float = EVERY) -> Iterator[None]:
    """Print the start of *work*, each logged step, and the elapsed time every *every* seconds."""
    ended, start = threading.Event(), time.monotonic()

    def print_elapsed() -> None:
        while not ended.wait(every):
            typer.echo(f"{work}: {time.monotonic() - start:.0f} s so far", err=True)

    steps = Teller()
    log = logging.getLogger("loop")
    before = log.level
    log.addHandler(steps)
    log.setLevel(logging.INFO)
    typer.echo(f"{work} …", err=True)
    threading.Thread(target=print_elapsed, daemon=True).start()
    try:
        yield
    finally:
        ended.set()
        log.removeHandler(steps)
        log.setLevel(before)


def counted(things: Iterable[T], name: str, total: int, *, every: float = EVERY) -> Iterator[T]:
    """Yield *things* and show how many are done: a bar on a terminal, lines elsewhere."""
    screen = Console(stderr=True)
    if screen.is_terminal:
        yield from track(things, name, total, console=screen, transient=True)
        return
    last = time.monotonic()
    for number, thing in enumerate(things, start=1):
        yield thing
        if time.monotonic() - last >= every:
            last = time.monotonic()
            typer.echo(f"{name}: {number} of {total}", err=True)
