"""Processes forked from one without threads: a lock that another thread holds at a fork is never freed in the child."""

import multiprocessing
import os

CONTEXT = multiprocessing.get_context("forkserver")
CONTEXT.set_forkserver_preload(["tests.preloaded"])


def start(function, *args):
    """Call a function in a process of its own, in the environment of now; it and its arguments are pickled."""
    process = CONTEXT.Process(target=_call, args=(dict(os.environ), function, args), daemon=True)
    process.start()
    return process


def _call(environment, function, args):
    """Call a function in an environment: by itself that of the first test that started a child would hold for all."""
    os.environ.clear()
    os.environ.update(environment)
    function(*args)


def run(function, *args, seconds=120):
    """Call a function in a process of its own; return the exit code: negative for the signal that ended it."""
    process = start(function, *args)
    try:
        process.join(seconds)
        assert process.exitcode is not None, f"still running after {seconds} s"
        return process.exitcode
    finally:
        process.kill()
        process.join()
