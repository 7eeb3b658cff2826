"""How exported detectors run on this machine: images at once and threads, as `loop tune` measured them."""

from __future__ import annotations

import json
import platform
from dataclasses import asdict, dataclass
from pathlib import Path

from loop.storage.files import write_whole
from loop.vision.ultralytics_setup import thread_count

MOST = 8  # images at once without a measurement: each takes memory for the maps of all layers
CPU_FACTS = Path("/proc/cpuinfo")


@dataclass(frozen=True, slots=True)
class Tuning:
    """
    The choice for a machine; all its processes have the same one.

    A detector works on several images *at_once*, by *threads* in all.
    """

    at_once: int
    threads: int


def default_tuning() -> Tuning:
    """Return the choice for a machine that was never measured: an image for each thread, but not too many."""
    return Tuning(min(thread_count(), MOST), thread_count())


def read_tuning(home: Path) -> Tuning:
    """Return the recorded choice for this kind of machine, else the default."""
    match _read(home).get(describe_machine()):
        case {"at_once": int(at_once), "threads": int(threads)} if at_once > 0 and threads > 0:
            return Tuning(at_once, threads)
    return default_tuning()


def write_tuning(home: Path, tuning: Tuning) -> Path:
    """Record the choice for this kind of machine; return the file."""
    content = {**_read(home), describe_machine(): asdict(tuning)}
    return write_whole(json.dumps(content, indent=2).encode(), _find_file(home))


def describe_machine() -> str:
    """Return the processor and the number of threads: machines of one description share a choice."""
    return f"{_find_processor()}, {thread_count()} threads"


def _find_file(home: Path) -> Path:
    """Return the file; it has one entry for each kind of machine, because machines can share the folder."""
    return home / "tuned.json"


def _read(home: Path) -> dict[str, object]:
    try:
        content = json.loads(_find_file(home).read_text())
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}


def _find_processor() -> str:
    try:
        lines = CPU_FACTS.read_text(errors="replace").splitlines()
    except OSError:
        lines = []
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(names, "") or platform.processor() or platform.machine()
