"""A measurement in a process of its own."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any


def measure_apart(module: str, *words: object) -> Any:
    """Run a module with these words, and return its last line, read as JSON. Raises RuntimeError if it fails."""
    command = [sys.executable, "-m", module, *map(str, words)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(done.stderr[-2000:])
    return json.loads(done.stdout.splitlines()[-1])
