"""The command `loop`."""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Sequence
from pathlib import Path

FAILED, INTERRUPTED = 1, 130


def main() -> None:
    """Run the command of this process."""
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:  # closed by the parent process
            setattr(sys, name, Path(os.devnull).open("w"))  # noqa: SIM115 (as long as the process)
        getattr(sys, name).reconfigure(errors="backslashreplace")  # a label may have any character
    sys.exit(run(sys.argv[1:]))


def run(arguments: Sequence[str]) -> int:
    """Run a command and return its exit code. An error is a message on stderr, never a trace."""
    sys.unraisablehook = _interrupt_again
    try:
        from loop.cli.messages import run_and_explain

        return run_and_explain(_run, arguments)
    except BrokenPipeError:
        return _without_reader()
    except KeyboardInterrupt:
        return INTERRUPTED


def _run(arguments: Sequence[str]) -> int:
    from typer.main import get_command

    from loop.cli.tree import app

    try:
        get_command(app)(list(arguments), prog_name="loop")
    except SystemExit as end:  # every command of Typer ends this way
        sys.stdout.flush()
        return end.code if isinstance(end.code, int) else FAILED
    return 0


def _interrupt_again(unraisable: sys.UnraisableHookArgs) -> None:
    """Interrupt again after a Ctrl-C in a callback of the interpreter, such as those of imports, swallows it."""
    if issubclass(unraisable.exc_type, KeyboardInterrupt):
        arguments = (threading.main_thread().ident, signal.SIGINT)
        threading.Timer(0.3, signal.pthread_kill, arguments).start()  # once this has returned: here it is swallowed too
    else:
        sys.__unraisablehook__(unraisable)


def _without_reader() -> int:
    """End quietly if the reader of the output is gone, as in `loop verdicts … | head`."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # otherwise the interpreter fails at its last flush
    return FAILED


if __name__ == "__main__":
    main()
