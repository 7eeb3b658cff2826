"""The command `loop`."""

from __future__ import annotations

import gc
import os
import signal
import sys
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from typer.exceptions import TyperException

FAILED, INTERRUPTED = 1, 130
YOUNG = 50_000  # new objects between two looks for garbage; Python's 700 take an eighth of a short command


def main() -> None:
    """Run the command of this process."""
    gc.set_threshold(YOUNG)
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:  # closed by the parent process
            setattr(sys, name, Path(os.devnull).open("w"))  # noqa: SIM115 (as long as the process)
        getattr(sys, name).reconfigure(errors="backslashreplace")  # a label may have any character
    code = run(sys.argv[1:])
    gc.freeze()  # the last look for garbage, among all modules, would take a sixth of a short command
    sys.exit(code)


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
    from typer.exceptions import TyperException
    from typer.main import get_command

    from loop.cli.tree import app

    try:
        code = get_command(app)(list(arguments), prog_name="loop", standalone_mode=False)
    except SystemExit as end:  # its reader is gone
        code = end.code
    except TyperException as error:
        code = _explain_usage(error, arguments)
    sys.stdout.flush()
    return code if isinstance(code, int) else FAILED if code else 0


def _explain_usage(error: TyperException, arguments: Sequence[str]) -> int:
    from typer.rich_utils import rich_format_error

    from loop.cli.messages import print_error

    rich_format_error(error)  # type: ignore[arg-type]
    print_error("WrongUsage", error.format_message(), error.exit_code, arguments)
    return error.exit_code


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
