"""
Measure conversion: tasks a second and peak memory, of `loop dataset convert`, of a project's own snapshot, made anew
and with 100 new reviews, and of Label Studio's SDK, on the same made-up tasks with tiny images.
`python -m scripts.bench.conversion [--tasks 5000 50000]`.

Each is measured in a process of its own, in turns. The SDK's converter is measured twice: as it writes labels alone,
and as it copies the images too, which is what a training needs. It opens no image.
"""

from __future__ import annotations

import argparse
import io
import json
import random
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from functools import partial
from itertools import islice
from pathlib import Path

LABELS = ("Car", "Person", "Bus")
CONFIG = """<View><Image name="image" value="$image"/><RectangleLabels name="label" toName="image">
<Label value="Car"/><Label value="Person"/><Label value="Bus"/></RectangleLabels></View>"""
BOXES = 5  # per task
WAYS = ("sdk", "sdk-images", "convert", "snapshot", "snapshot-new")
NEW = 100  # reviews that came since the last snapshot


def main() -> None:
    """Measure every way at every size and print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tasks", type=int, nargs="+", default=[5_000, 50_000])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--run", nargs=2, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.run:
        print(json.dumps(_run(asked.run[0], Path(asked.run[1]))))
        return
    for count in asked.tasks:
        with tempfile.TemporaryDirectory() as folder:
            _make(Path(folder), count)
            measured: dict[str, list[dict[str, float]]] = {way: [] for way in WAYS}
            for _ in range(asked.rounds):
                for way in WAYS:
                    measured[way].append(_measure(way, folder))
        for way, runs in measured.items():
            print(f"{count:>7} {way:<9} {_format_runs(count, runs)}", flush=True)


def _format_runs(count: int, runs: list[dict[str, float]]) -> str:
    rates = sorted(count / run["seconds"] for run in runs)
    cpu = sorted(1e6 * run["cpu"] / count for run in runs)
    peaks, bases = [run["peak"] for run in runs], [run["base"] for run in runs]
    return (
        f"{statistics.median(rates):7.0f} tasks/s ({rates[0]:.0f} to {rates[-1]:.0f}), "
        f"{statistics.median(cpu):.0f} us of CPU a task ({cpu[0]:.0f} to {cpu[-1]:.0f}), peak {max(peaks):.0f} MB, "
        f"{max(p - b for p, b in zip(peaks, bases, strict=True)):.0f} MB of it after the imports"
    )


def _measure(way: str, folder: str) -> dict[str, float]:
    command = [sys.executable, "-m", "scripts.bench.conversion", "--run", way, folder]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(done.stderr)
    measured: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return measured


def _run(way: str, folder: Path) -> dict[str, float]:
    ways: dict[str, Callable[[Path], Callable[[], object]]] = {
        "sdk": partial(_sdk, images=False),
        "sdk-images": partial(_sdk, images=True),
        "convert": _convert,
        "snapshot": _snapshot,
        "snapshot-new": _snapshot_with_new_reviews,
    }
    prepared = ways[way](folder)
    base = _peak()
    began, worked = time.perf_counter(), time.process_time()
    prepared()
    seconds, cpu = time.perf_counter() - began, time.process_time() - worked
    return {"seconds": seconds, "cpu": cpu, "peak": _peak(), "base": base}


def _peak() -> float:
    """The most memory that this process has had, in MB; getrusage would count what its parent had, too."""
    line = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM"))
    return int(line.split()[1]) / 1024


def _sdk(folder: Path, *, images: bool) -> Callable[[], object]:
    import logging

    from label_studio_sdk.converter import Converter

    logging.disable(logging.CRITICAL)
    out = Path(tempfile.mkdtemp(dir=folder))
    converter = Converter(CONFIG, str(folder), upload_dir=str(folder / "upload"), download_resources=images)
    return lambda: converter.convert_to_yolo(str(folder / "export.json"), str(out), is_dir=False)


def _convert(folder: Path) -> Callable[[], object]:
    from loop.datasets import convert

    out = Path(tempfile.mkdtemp(dir=folder)) / "out"
    return lambda: convert.to_dataset(folder / "export.json", CONFIG, folder / "upload", out)


def _snapshot(folder: Path) -> Callable[[], object]:
    """A project's own snapshot; its images are in the cache, as they are for all but the newest reviews."""
    from loop.datasets.assemble import assemble
    from loop.settings import Settings
    from loop.wiring import build

    settings = Settings.read({"LOOP_HOME": str(folder / "home"), "LOOP_BACKGROUND_SHARE": "1"})
    rooms = build(settings, migrate=True)
    shutil.rmtree(settings.home / "snapshots", ignore_errors=True)
    return lambda: assemble(rooms.datasets, 1)


def _snapshot_with_new_reviews(folder: Path) -> Callable[[], object]:
    """The same once more, after NEW tasks were reviewed again; the rest is taken over from the last snapshot."""
    from loop.datasets.assemble import assemble
    from loop.datasets.export_file import read_tasks
    from loop.label_studio.label_config import parse
    from loop.settings import Settings
    from loop.wiring import build

    settings = Settings.read({"LOOP_HOME": str(folder / "home"), "LOOP_BACKGROUND_SHARE": "1"})
    rooms = build(settings, migrate=True)
    known = rooms.reviews.store.latest(1)
    for task in islice(read_tasks(folder / "export.json"), NEW):
        review, counted = task.annotations[0].read(parse(CONFIG), project_id=1, task_id=task.id), known[task.id]
        later = counted.review.updated_at + timedelta(minutes=1)
        rooms.reviews.store.record(replace(review, updated_at=later, regions=review.regions[1:]), task.data)
    return lambda: assemble(rooms.datasets, 1)


def _make(folder: Path, count: int) -> None:
    """Write *count* tasks as an export, and as a project with recorded reviews and cached images."""
    from PIL import Image

    rng = random.Random(0)
    (folder / "upload" / "1").mkdir(parents=True)
    with (folder / "export.json").open("w") as export:
        export.write("[")
        for task in range(1, count + 1):
            content = io.BytesIO()
            Image.frombytes("RGB", (8, 8), rng.randbytes(192)).resize((64, 48)).save(content, "JPEG")
            (folder / "upload" / "1" / f"{task}.jpg").write_bytes(content.getvalue())
            export.write(("," if task > 1 else "") + json.dumps(_task(task, rng)))
        export.write("]")
    _record(folder)


def _task(task: int, rng: random.Random) -> dict[str, object]:
    result = [
        {
            "id": f"{task}-{n}",
            "from_name": "label",
            "to_name": "image",
            "type": "rectanglelabels",
            "original_width": 64,
            "original_height": 48,
            "image_rotation": 0,
            "value": {
                **{side: rng.uniform(0, 50) for side in ("x", "y")},
                **{side: rng.uniform(5, 50) for side in ("width", "height")},
                "rotation": 0,
                "rectanglelabels": [rng.choice(LABELS)],
            },
        }
        for n in range(BOXES)
    ]
    annotation = {
        "id": task,
        "completed_by": 1,
        "result": result,
        "was_cancelled": False,
        "ground_truth": False,
        "created_at": "2026-01-01T12:00:00Z",
        "updated_at": "2026-01-01T12:00:00Z",
        "lead_time": 5.0,
        "unique_id": f"{task}",
    }
    return {"id": task, "data": {"image": f"/data/upload/1/{task}.jpg"}, "annotations": [annotation], "project": 1}


def _record(folder: Path) -> None:
    from loop.datasets.export_file import read_tasks
    from loop.label_studio.label_config import parse
    from loop.settings import Settings
    from loop.vision.image_cache import ImageCache
    from loop.vision.images import ImageLimits, Images
    from loop.wiring import build

    class FromFolder(Images):
        """Reads the images from the folder instead of a Label Studio."""

        def fetch(self, address: str, task_id: int) -> bytes:  # noqa: ARG002
            return (folder / "upload" / "1" / Path(address).name).read_bytes()

    rooms = build(Settings.read({"LOOP_HOME": str(folder / "home")}), migrate=True)
    rooms.studio.projects.save(1, "measured", CONFIG)
    cache = ImageCache(folder / "home" / "images", FromFolder(None, ImageLimits()))
    for task in read_tasks(folder / "export.json"):
        review = task.annotations[0].read(parse(CONFIG), project_id=1, task_id=task.id)
        rooms.reviews.store.record(review, task.data)
        cache.find(1, task.id, task.data["image"])
    rooms.close()


if __name__ == "__main__":
    main()
