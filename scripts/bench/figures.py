"""Figures of a benchmark: medians and spread, the machine, a table for people, and JSON for `docs/benchmarks.md`."""

from __future__ import annotations

import json
import os
import platform
import statistics
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import psutil
from rich.console import Console
from rich.table import Table

FOLDER = Path(__file__).parents[2] / "docs" / "figures"


@dataclass(frozen=True, slots=True)
class Goal:
    """A figure to reach, what was measured, and whether that reaches it; None where nobody measured it."""

    work: str
    goal: str
    measured: str
    is_reached: bool | None


@dataclass(frozen=True, slots=True)
class Measurement:
    """A table of figures under a title; the first column names what each row is about."""

    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]


@dataclass(frozen=True, slots=True)
class BenchReport:
    """What one benchmark measured, and under what load."""

    name: str
    load: str
    tables: Sequence[Measurement]
    goals: Sequence[Goal] = ()
    raw: dict[str, object] = field(default_factory=dict)  # the numbers behind the tables

    def publish(self, folder: Path = FOLDER) -> Path:
        """Print the tables, and write all of it with the machine and the moment as JSON; return the file."""
        console = Console(width=150)
        for table in self.tables:
            shown = Table(*table.columns, title=table.title, box=None, title_justify="left")
            for row in table.rows:
                shown.add_row(*row)
            console.print(shown)
        for goal in self.goals:
            verdict = {True: "reached", False: "missed", None: "not measured"}[goal.is_reached]
            console.print(f"{goal.work}: {goal.measured} (goal: {goal.goal}): {verdict}", highlight=False)
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / f"{self.name}.json"
        content = {"machine": machine(), "measured_at": datetime.now(UTC).isoformat(timespec="minutes"), **asdict(self)}
        path.write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n")
        return path


def machine() -> dict[str, object]:
    """Return what the figures were measured on."""
    return {
        "cores": os.cpu_count(),
        "memory_gb": round(psutil.virtual_memory().total / 2**30),
        "processor": _processor(),
        "system": platform.system(),
        "python": platform.python_version(),
        "load_before": round(os.getloadavg()[1], 1),  # of five minutes
    }


def quantile(values: Sequence[float], share: float) -> float:
    """Return the value that a *share* of the values does not exceed."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def spread(values: Sequence[float], digits: int = 0) -> str:
    """Write the median with the least and the most."""
    median, least, most = statistics.median(values), min(values), max(values)
    return f"{median:.{digits}f} ({least:.{digits}f} to {most:.{digits}f})"


def _processor() -> str:
    lines = Path("/proc/cpuinfo").read_text().splitlines() if Path("/proc/cpuinfo").exists() else []
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "unknown")
