"""Processes forked from one without threads: a lock that another thread holds at a fork is never freed in the child."""

import multiprocessing
import os
import sys
from pathlib import Path

CONTEXT = multiprocessing.get_context("forkserver")
CONTEXT.set_forkserver_preload(["tests.preloaded"])


def start(function, *args, daemon=True):
    """
    Call a function in a process of its own, in the environment of now; it and its arguments are pickled.

    A *daemon* ends with this process, and has no children of its own.
    """
    process = CONTEXT.Process(target=_call, args=(dict(os.environ), function, args), daemon=daemon)
    process.start()
    return process


def _call(environment, function, args):
    """Call a function in an environment: by itself that of the first test that started a child would hold for all."""
    os.environ.clear()
    os.environ.update(environment)
    function(*args)


def run(function, *args, seconds=120, daemon=True):
    """Call a function in a process of its own; return the exit code: negative for the signal that ended it."""
    process = start(function, *args, daemon=daemon)
    try:
        process.join(seconds)
        assert process.exitcode is not None, f"still running after {seconds} s"
        return process.exitcode
    finally:
        process.kill()
        process.join()


def run_command(environment, folder, *arguments):
    """Run a command of `loop` in a process of its own, with more variables; return its exit code and its outputs."""
    outputs = [folder / name for name in ("stdout", "stderr")]
    code = run(_run_command, dict(environment), outputs, Path.cwd(), arguments, daemon=False)
    return code, *(output.read_text(errors="replace") for output in outputs)


def _run_command(environment, outputs, folder, arguments):
    """Be the command: its exit ends this process, as it does where a shell has started it."""
    os.environ.update(environment)
    os.chdir(folder)
    for number, output in enumerate(outputs, start=1):
        with output.open("wb") as file:
            os.dup2(file.fileno(), number)
    sys.argv = ["loop", *arguments]
    from loop.cli.main import main

    main()
