"""Runs a module in a process of its own, which may lack memory."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

from loop.errors import WeightsRefused
from loop.failures import describe_error

ROOT = Path(__file__).parents[3]  # of the modules


def run_module(
    module: str,
    work: Mapping[str, object],
    *,
    environment: Mapping[str, str],
    seconds: float,
    refuse: Callable[[str], WeightsRefused],
) -> str:
    """
    Run a module, which reads *work* as JSON from its input, and return its output.

    Raises the error that *refuse* makes of a problem: the process does not start, takes longer than *seconds*, is
    killed, perhaps because the machine lacks memory, or fails.
    """
    try:
        done = subprocess.run(
            [sys.executable, "-m", module],
            input=json.dumps(work),
            env={**environment, "PYTHONPATH": str(ROOT)},
            capture_output=True,
            text=True,
            timeout=seconds,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise refuse(f"its process took longer than {seconds:g} s") from error
    except OSError as error:  # no memory for another process
        raise refuse(f"its process did not start ({describe_error(error)})") from error
    if done.returncode < 0:
        raise refuse(f"its process was ended by signal {-done.returncode}, perhaps for lack of memory")
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["without a message"])[-1]
        raise refuse(f"its process ended with {done.returncode}: {last[:300]}")
    return done.stdout
