"""
Measure a web process whose champion serves by its trained weights, and by its export.

`python -m scripts.bench.web_process [WEIGHTS] [ROUNDS]`: each round starts a process for each of the two, in turns, and
sends it tasks of 1280x1280 JPEGs in their addresses, without a network. WEIGHTS know one class, `item`, like the start
weights of the demo, and serve at 640 px.
"""

from __future__ import annotations

import json
import statistics
import sys
import tempfile
import time
from contextlib import closing
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from loop.registry.export import export_once
from loop.registry.store import VersionFacts
from loop.settings import Settings
from loop.wiring import build
from scripts.bench.own_process import measure_apart
from scripts.demo import scenes

CONFIG = (
    '<View><Image name="image" value="$image"/><RectangleLabels name="label" toName="image"><Label value="item"/>'
    "</RectangleLabels></View>"
)
LOGIN = ("loop", "of a measurement")
ALONE, TOGETHER = 15, 60  # tasks that are sent one by one, and in one request
FACTS = VersionFacts(classes=("item",), thresholds={"floor": 0.01, "display": 0.05}, training={"image_size": 640})
HEAVY = ("torch", "ultralytics", "openvino")
COLUMNS = {
    "first_s": "start to first answer, s",
    "one_ms": "one task, ms",
    "images_s": "one request, images/s",
    "rss_mb": "RSS, MB",
    "peak_mb": "at the peak",
}


def main() -> None:
    """Print one row for each of the two; medians of the rounds."""
    weights = Path(sys.argv[1]) if len(sys.argv) > 1 else scenes.WARM_START
    rounds = int(sys.argv[2]) if len(sys.argv) > 2 else 3
    results: dict[str, list[dict[str, Any]]] = {"trained weights": [], "export": []}
    with tempfile.TemporaryDirectory() as scratch:
        homes = {name: Path(scratch, name.replace(" ", "-")) for name in results}
        for name, home in homes.items():
            _prepare(home, weights, is_exported=name == "export")
        for _ in range(rounds):
            for name, home in homes.items():
                results[name].append(measure_apart("scripts.bench.web_process", "--serve", home))
    table = Table("served by", *COLUMNS.values(), "imported", box=None)
    for name, measured in results.items():
        medians = [f"{statistics.median(row[key] for row in measured):.1f}" for key in COLUMNS]
        table.add_row(name, *medians, ", ".join(measured[0]["imported"]))
    Console(width=140).print(table)


def _settings(home: Path) -> Settings:
    user, password = LOGIN
    return Settings.read(
        {"LOOP_HOME": str(home), "LABEL_STUDIO_API_KEY": "k", "BASIC_AUTH_USER": user, "BASIC_AUTH_PASS": password}
    )


def _prepare(home: Path, weights: Path, *, is_exported: bool) -> None:
    with closing(build(_settings(home), migrate=True)) as rooms:
        rooms.studio.projects.save(1, "Scenes", CONFIG)
        version = rooms.registry.versions.add(1, weights, FACTS)
        if is_exported:
            export_once(rooms.registry, version)
        rooms.registry.versions.promote(1, version.name, "a measurement")


def _serve(home: Path) -> None:
    """Start the web part in this process, send it tasks, and print the figures as JSON."""
    import resource

    import psutil

    started = psutil.Process().create_time()
    from backend.app import create_app

    client = create_app(_settings(home)).test_client()

    def ask(count: int) -> float:
        tasks = [{"id": number, "data": {"image": _make_address(number)}} for number in range(1, count + 1)]
        body = {"tasks": tasks, "project": "1.1", "label_config": CONFIG, "params": {}}
        before = time.perf_counter()
        answer = client.post("/predict", json=body, auth=LOGIN)
        assert answer.status_code == 200, answer.data
        return time.perf_counter() - before

    ask(1)
    first = time.time() - started
    alone = statistics.median(ask(1) for _ in range(ALONE))
    together = ask(TOGETHER)
    figures = {
        "first_s": first,
        "one_ms": 1000 * alone,
        "images_s": TOGETHER / together,
        "rss_mb": psutil.Process().memory_info().rss / 1e6,
        "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3,
        "imported": [name for name in HEAVY if name in sys.modules],
    }
    sys.stdout.write(f"\n{json.dumps(figures)}\n")


def _make_address(seed: int) -> str:
    """Return a JPEG of coarse noise as an address that holds it."""
    import base64

    import cv2
    import numpy as np

    noise = np.random.default_rng(seed).integers(0, 256, (40, 40, 3), dtype=np.uint8)
    jpeg = cv2.imencode(".jpg", cv2.resize(noise, (1280, 1280)))[1]
    return f"data:image/jpeg;base64,{base64.b64encode(jpeg.tobytes()).decode()}"


if __name__ == "__main__":
    _serve(Path(sys.argv[2])) if sys.argv[1:2] == ["--serve"] else main()
