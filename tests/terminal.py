"""Runs commands of `loop` in this process, as the terminal does."""

import io
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass

from loop.cli.main import run


@dataclass(frozen=True, slots=True)
class Ended:
    """How a command ended: its exit code, and what it printed."""

    code: int
    out: str
    err: str


def loop(*arguments):
    """Run a command; stdout is no terminal."""
    out, err = io.StringIO(), io.StringIO()
    with redirect_stdout(out), redirect_stderr(err):
        code = run([str(argument) for argument in arguments])
    return Ended(code, out.getvalue(), err.getvalue())
