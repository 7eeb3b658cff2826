"""What an installation takes, process by process and folder by folder, and how fast that grows."""

from __future__ import annotations

import json
import statistics
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import psutil

from loop.installation.upkeep import part_states
from loop.job_queue.connection import connect
from loop.job_queue.liveness import PART
from loop.process_table import find
from loop.settings import Settings

MB = 1e6
BLOCK_SECONDS = 60.0  # samples of a minute are one point of a line: neighbours are too alike to be counted each
Sample = Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Slope:
    """Growth an hour by least squares, with its 95% interval, and the values of the first and the last minute."""

    first: float
    last: float
    an_hour: float
    within: float  # half the width of the interval

    @property
    def is_growing(self) -> bool:
        """Whether the interval is above zero."""
        return self.an_hour - self.within > 0


def sample(settings: Settings) -> dict[str, float]:
    """Return memory and open files of each process that stays, and the sizes of files and of Redis."""
    values = defaultdict[str, float](float)
    for name, process in processes(settings.home):
        with suppress(psutil.Error):  # it may have just ended
            values[f"RSS of {name}, MB"] += process.memory_info().rss / MB
            values[f"open files of {name}"] += process.num_fds()
            values[f"threads of {name}"] += process.num_threads()
    for path in sorted(settings.home.iterdir()):
        values[f"{path.name}, MB"] = size(path) / MB
    values["LOOP_HOME, MB"] = size(settings.home) / MB
    redis = connect(settings.redis)
    values["memory of Redis, MB"] = float(redis.info("memory")["used_memory"]) / MB
    values["keys of Redis"] = float(redis.dbsize())
    redis.close()
    return dict(values)


def thin(samples: Sequence[tuple[float, Sample]]) -> list[dict[str, float]]:
    """Return the first sample of each minute, as JSON shows it."""
    firsts = {int(moment / BLOCK_SECONDS): (moment, values) for moment, values in reversed(samples)}
    return [
        {"second": round(moment), **{name: round(value, 2) for name, value in values.items()}}
        for moment, values in reversed(firsts.values())
    ]


def slope(moments: Sequence[float], values: Sequence[float]) -> Slope:
    """Fit a line through the medians of each minute; *moments* are in seconds. It needs three minutes."""
    from scipy import stats

    blocks = defaultdict[int, list[float]](list)
    for moment, value in zip(moments, values, strict=True):
        blocks[int(moment / BLOCK_SECONDS)].append(value)
    hours = [block * BLOCK_SECONDS / 3600 for block in blocks]
    medians = [statistics.median(block) for block in blocks.values()]
    line = stats.linregress(hours, medians)
    within = float(stats.t.ppf(0.975, len(hours) - 2)) * float(line.stderr)
    return Slope(medians[0], medians[-1], float(line.slope), within)


def size(path: Path) -> int:
    """Return the bytes that a file or a folder takes on the disk."""
    total = 0
    for file in (path, *path.rglob("*")) if path.is_dir() else (path,):
        with suppress(OSError):  # it may have just been removed
            total += file.lstat().st_blocks * 512
    return total


def processes(home: Path) -> Iterator[tuple[str, psutil.Process]]:
    """Yield the processes of an installation that stay, with a name for each; a job ends, and is left out."""
    for process in find(json.loads((home / part_states.FILE).read_bytes())["run"]):
        with suppress(psutil.Error):
            name = process.environ().get(PART)
            parent = process.parent()
            is_child = parent is not None and parent.environ().get(PART) == name
            if name and not (is_child and name.startswith("worker")):
                yield (f"{name} process" if is_child else name), process


def cpu_seconds(home: Path, studio_pid: int) -> dict[str, float]:
    """Return the CPU seconds that each part has taken, with the jobs that have ended; Label Studio is one of them."""
    taken: dict[str, float] = {}
    for name, process in (*processes(home), ("Label Studio", psutil.Process(studio_pid))):
        with suppress(psutil.Error):
            times = process.cpu_times()
            ended = 0.0 if name == "web" else times.children_user + times.children_system
            taken[name] = taken.get(name, 0.0) + times.user + times.system + ended
    return taken
