"""
Measure how long the rates take with a year of work in real records: ten thousand tasks of twenty cohorts.

`python -m scripts.bench.rate_records` fills a database in a temporary folder and prints the seconds of each question.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table

from loop.label_studio.payloads import Review
from loop.rates.assess import RatesRequest, assess, group_by_task, measure_seconds_by_version
from loop.rates.post_alerts import watch
from loop.rates.rates import Grouping, RatedVerdict
from loop.regions import Box, Region
from loop.reviews.verdicts import Decision, Verdict
from loop.rooms import Rooms
from loop.serving.store import LoggedPrediction
from loop.settings import Settings
from loop.wiring import build
from scripts.bench.simulated_projects import Year, simulate_year

ROUNDS = 3
CONFIG = """<View><Image name="image" value="$image"/>
<RectangleLabels name="label" toName="image"><Label value="Thing"/></RectangleLabels></View>"""


def main() -> None:
    """Print the median seconds of each question, with least and most."""
    with tempfile.TemporaryDirectory() as folder:
        settings = Settings.read({"LOOP_HOME": folder, "LOOP_COHORT_FIELD": "source"})
        with closing(build(settings, migrate=True)) as rooms:
            rooms.studio.projects.save(1, "A year", CONFIG)
            verdicts = _fill(
                rooms, group_by_task(simulate_year(np.random.default_rng(1), Year(import_days=10, promotion_days=40)))
            )
            size = (Path(folder) / "loop.sqlite3").stat().st_size / 1e6
            table = Table(f"{verdicts} verdicts, {size:.0f} MB of records", "seconds", box=None)
            for name, ask in _questions(rooms).items():
                table.add_row(name, _time(ask))
            Console(width=120).print(table)


def _questions(rooms: Rooms) -> dict[str, Callable[[], object]]:
    return {
        "loop rates --by version": lambda: assess(rooms.rates, 1, RatesRequest()),
        "loop rates --by cohort": lambda: assess(rooms.rates, 1, RatesRequest(Grouping.COHORT)),
        "loop rates --seconds": lambda: measure_seconds_by_version(rooms.rates, 1),
        "the watch, in every sync": lambda: watch(rooms.rates, 1),
    }


def _time(ask: Callable[[], object]) -> str:
    times = []
    for _ in range(ROUNDS):
        began = time.perf_counter()
        ask()
        times.append(time.perf_counter() - began)
    return f"{sorted(times)[ROUNDS // 2]:.2f} ({min(times):.2f} to {max(times):.2f})"


def _fill(rooms: Rooms, tasks: dict[int, list[RatedVerdict]]) -> int:
    """Record every task as a real one, without pixels; return the number of verdicts."""
    count = 0
    for task_id, judged in tasks.items():
        verdicts = [_verdict(task_id, place, one) for place, one in enumerate(judged)]
        shown = tuple(one.predicted for one in verdicts if one.predicted)
        last = judged[-1]
        rooms.serving.predictions.append([_prediction(task_id, last, shown)])
        review = Review(
            id=task_id,
            unique_id="",
            project_id=1,
            task_id=task_id,
            regions=tuple(one.reviewed for one in verdicts if one.reviewed),
            created_at=last.reviewed_at,
            updated_at=last.reviewed_at,
            lead_time=10.0,
        )
        rooms.reviews.store.record(review, {"image": f"/data/upload/1/{task_id}.jpg", "source": last.cohort})
        (logged,) = rooms.serving.predictions.of_task(1, task_id)
        rooms.reviews.verdicts.replace(1, task_id, (review, logged, verdicts))
        count += len(verdicts)
    return count


def _prediction(task_id: int, judged: RatedVerdict, shown: tuple[Region, ...]) -> LoggedPrediction:
    return LoggedPrediction(
        project_id=1,
        task_id=task_id,
        image=f"/data/upload/1/{task_id}.jpg",
        version=judged.version,
        regions=shown,
        candidates=(),
        threshold=0.25,
        score=0.5,
        stream=judged.stream,
        propensity=0.05,
        served_at=judged.reviewed_at,
    )


def _verdict(task_id: int, place: int, judged: RatedVerdict) -> Verdict:
    region = Region(f"{task_id}-{place}", Box(0.1, 0.1, 0.4, 0.4), "Thing", judged.confidence)
    predicted = None if judged.decision == Decision.MISSED else region
    reviewed = None if judged.decision == Decision.FALSE_POSITIVE else region
    return Verdict(judged.decision, predicted, reviewed, is_moved=judged.decision == Decision.CORRECTED)


if __name__ == "__main__":
    main()
