"""Writes the goals and the figures of the benchmark suite into docs/benchmarks.md: `python -m scripts.bench.page`."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from scripts.bench.figures import FOLDER

PAGE = FOLDER.parent / "benchmarks.md"
BEGIN, END = "<!-- suite: begin -->", "<!-- suite: end -->"
VERDICTS = {True: "reached", False: "missed", None: "not measured"}
GOALS = (  # shown where no benchmark has measured them
    ("one request of 100 tasks, times HumanSignal's example", "at least 3.5 in 32 bits; 5 in 8 bits"),
    ("one request of 100 tasks, over the limit in one process", "at least 0.85"),
    ("a corrupt image among 100", "99 results"),
    ("intake with prediction and training running: p99; slowest", "under 100 ms; under 500 ms"),
    ("one task, p50, over HumanSignal's example", "at most 0.5"),
    ("4 clients, p95, over HumanSignal's example", "at most 0.35"),
    ("start to first prediction, over HumanSignal's example", "at most 0.5"),
    ("memory of a web process, over HumanSignal's example", "at most 0.4"),
    ("conversion of 50,000 tasks with tiny images", "at least as fast as the SDK with images"),
    ("conversion with photos of 1280x960", "at least 300 images/s"),
    ("snapshot with 100 new reviews among 50,000 known", "under 5 s"),
    ("training: share of both cores; image seconds", "at least 0.9; at least 1.6 times ultralytics' defaults"),
    ("bulk prediction of 10,000 tasks", "at least 0.85 of the limit of all workers"),
    ("discovery of 50,000 vectors; map of 20,000", "under 15 s; under 20 s"),
    ("`loop --help`; `loop status`", "under 0.3 s; under 1 s"),
    ("label errors: precision at 50", "at least 0.8"),
    ("a page of the dashboard with 50,000 tasks in the records", "each under 3 s"),
    ("last review of a batch to candidate judged", "training time plus at most 10%"),
)


def main(page: Path = PAGE, folder: Path = FOLDER) -> None:
    """Replace the part of the page between the marks."""
    reports = [json.loads(path.read_text()) for path in sorted(folder.glob("*.json"))]
    page.write_text(re.sub(f"{BEGIN}.*{END}", lambda _: write_suite(reports), page.read_text(), flags=re.DOTALL))


def write_suite(reports: Sequence[Mapping[str, Any]]) -> str:
    """Return the part of the page between the marks, with them."""
    goals = [goal for report in reports for goal in report["goals"]]
    rows = [[goal["work"], goal["goal"], goal["measured"], VERDICTS[goal["is_reached"]]] for goal in goals]
    measured = {goal["work"] for goal in goals}
    rows += [[work, goal, "", VERDICTS[None]] for work, goal in GOALS if work not in measured]
    parts = [BEGIN, "", *_table(("work", "goal", "measured", ""), rows), ""]
    for report in reports:
        parts += _section(report)
    return "\n".join([*parts, END])


def _section(report: Mapping[str, Any]) -> Iterator[str]:
    machine = report["machine"]
    yield f"### {report['name'].replace('_', ' ').capitalize()}"
    yield ""
    yield f"`python -m scripts.bench.{report['name']}`, {report['measured_at'][:10]}: {report['load']}."
    yield (
        f"{machine['processor']}, {machine['cores']} cores, {machine['memory_gb']} GB; load of the machine in the five "
        f"minutes before the report: {machine['load_before']}."
    )
    yield ""
    for table in report["tables"]:
        yield from _table((table["title"], *table["columns"][1:]), table["rows"])
        yield ""


def _table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    return [
        f"| {' | '.join(columns)} |",
        "|" + "---|" * len(columns),
        *(f"| {' | '.join(row)} |" for row in rows),
    ]


if __name__ == "__main__":
    main()
