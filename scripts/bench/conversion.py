"""
Measure conversion: `python -m scripts.bench.conversion [--tasks 50000] [--photos 600] [--folder FOLDER]`.

*convert* is `loop dataset convert`, *snapshot* a project's own dataset from its records, made anew and with 100 new
reviews, and *SDK* the YOLO converter of label_studio_sdk, as it writes labels alone and as it copies the images too.
Each runs in a process of its own, in turns, on the same made-up tasks. The SDK opens no image.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import tempfile
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack
from functools import partial
from pathlib import Path

import psutil

from scripts.bench.conversion_tasks import CONFIG, NEW, build_rooms, make_photos, make_tiny, review_again
from scripts.bench.figures import BenchReport, Goal, Measurement, spread
from scripts.bench.own_process import measure_apart

TITLES = {
    "sdk": "SDK, labels alone",
    "sdk-images": "SDK, with images",
    "convert": "convert",
    "snapshot": "snapshot, made anew",
    "snapshot-new": f"snapshot with {NEW} new reviews",
}
ON_PHOTOS = ("sdk-images", "convert")
Run = dict[str, float]


def main() -> None:
    """Measure every way in turns, and publish."""
    parser = argparse.ArgumentParser(prog="conversion", description=__doc__)
    parser.add_argument("--tasks", type=int, default=50_000)
    parser.add_argument("--photos", type=int, default=600)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--folder", type=Path, help="where the tasks are made, and stay for the next run")
    parser.add_argument("--run", nargs=2, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.run:
        print(json.dumps(_run(options.run[0], Path(options.run[1]))))
        return
    with ExitStack() as stack:
        folder = options.folder or Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="loop-conversion-")))
        tiny, photos = folder / f"tiny-{options.tasks}", folder / f"photos-{options.photos}"
        make_tiny(tiny, options.tasks)
        make_photos(photos, options.photos)
        if not options.rounds:
            return
        measured: dict[str, list[Run]] = {way: [] for way in TITLES}
        measured |= {f"photos, {way}": [] for way in ON_PHOTOS}
        for _ in range(options.rounds):
            for name, runs in measured.items():
                way = name.removeprefix("photos, ")
                runs.append(_measure(way, tiny if way == name else photos))
                print(name, runs[-1], flush=True)
        make_report(measured, options.tasks, options.photos).publish()


def make_report(measured: dict[str, list[Run]], tasks: int, photos: int) -> BenchReport:
    """Put the rounds into tables, and judge them by the goals."""
    rounds = len(measured["convert"])
    tables = [
        Measurement(
            f"{count:,} {kind}, {rounds} rounds in turns, median (least to most)",
            ("", "seconds", "tasks a second", "CPU a task, µs", "peak memory, MB", "of it after the imports, MB"),
            [_row(TITLES[way], measured[prefix + way], count) for way in ways],
        )
        for kind, prefix, ways, count in (
            ("tasks with images of 64x48", "", tuple(TITLES), tasks),
            ("tasks with photos of 1280x960", "photos, ", ON_PHOTOS, photos),
        )
    ]
    ratios = [
        sdk["seconds"] / ours["seconds"] for sdk, ours in zip(measured["sdk-images"], measured["convert"], strict=True)
    ]
    ratio = statistics.median(ratios)
    photo_rate = statistics.median(photos / run["seconds"] for run in measured["photos, convert"])
    update = statistics.median(run["seconds"] for run in measured["snapshot-new"])
    goals = [
        Goal(
            "conversion of 50,000 tasks with tiny images",
            "at least as fast as the SDK with images",
            f"{spread(ratios, 2)} times as fast, {tasks:,} tasks",
            ratio >= 1,
        ),
        Goal("conversion with photos of 1280x960", "at least 300 images/s", f"{photo_rate:.0f}", photo_rate >= 300),
        Goal(
            "snapshot with 100 new reviews among 50,000 known",
            "under 5 s",
            f"{update:.1f} s among {tasks:,}",
            update < 5 if tasks >= 50_000 else None,
        ),
    ]
    load = "made-up tasks of five boxes; convert and snapshot decode every image to its end, the SDK opens none"
    return BenchReport("conversion", load, tables, goals, raw={"rounds": measured})


def _row(title: str, runs: list[Run], count: int) -> list[str]:
    return [
        title,
        spread([run["seconds"] for run in runs], 1),
        spread([count / run["seconds"] for run in runs]),
        spread([1e6 * run["cpu"] / count for run in runs]),
        f"{max(run['peak'] for run in runs):.0f}",
        f"{max(run['peak'] - run['base'] for run in runs):.0f}",
    ]


def _measure(way: str, folder: Path) -> Run:
    measured: Run = measure_apart("scripts.bench.conversion", "--run", way, folder)
    return measured


def _run(way: str, folder: Path) -> Run:
    ways: dict[str, Callable[[Path, Path], Callable[[], object]]] = {
        "sdk": partial(_sdk, images=False),
        "sdk-images": partial(_sdk, images=True),
        "convert": _convert,
        "snapshot": _snapshot,
        "snapshot-new": _snapshot_with_new_reviews,
    }
    with tempfile.TemporaryDirectory(dir=folder) as out:
        prepared = ways[way](folder, Path(out))
        base, peaks, is_done = _resident(), list[float](), threading.Event()
        watch = threading.Thread(target=_watch_memory, args=(peaks, is_done))
        watch.start()
        began, worked = time.perf_counter(), sum(os.times()[:4])  # of this process and its children
        prepared()
        seconds, cpu = time.perf_counter() - began, sum(os.times()[:4]) - worked
        is_done.set()
        watch.join()
    return {"seconds": seconds, "cpu": cpu, "peak": max(peaks), "base": base}


def _watch_memory(peaks: list[float], is_done: threading.Event) -> None:
    while not is_done.wait(0.2):
        peaks.append(_resident())
    peaks.append(_resident())


def _resident() -> float:
    """The memory of this process and its children, in MB."""
    own = psutil.Process()
    total = float(own.memory_info().rss)
    for child in own.children(recursive=True):
        try:
            total += child.memory_info().rss
        except psutil.Error:  # it has just ended
            continue
    return total / 2**20


def _sdk(folder: Path, out: Path, *, images: bool) -> Callable[[], object]:
    import logging

    from label_studio_sdk.converter import Converter

    logging.disable(logging.CRITICAL)
    converter = Converter(CONFIG, str(folder), upload_dir=str(folder / "upload"), download_resources=images)
    return lambda: converter.convert_to_yolo(str(folder / "export.json"), str(out / "out"), is_dir=False)


def _convert(folder: Path, out: Path) -> Callable[[], object]:
    from loop.datasets import convert

    return lambda: convert.to_dataset(folder / "export.json", CONFIG, folder / "upload", out / "out")


def _snapshot(folder: Path, _: Path) -> Callable[[], object]:
    """A project's own snapshot; its images are in the cache, as they are for all but the newest reviews."""
    from loop.datasets.assemble import assemble

    rooms = build_rooms(folder)
    shutil.rmtree(folder / "home" / "snapshots", ignore_errors=True)
    return lambda: assemble(rooms.datasets, 1)


def _snapshot_with_new_reviews(folder: Path, _: Path) -> Callable[[], object]:
    """The same once more, after NEW tasks were reviewed again; the rest is taken over from the last snapshot."""
    from loop.datasets.assemble import assemble

    rooms = build_rooms(folder)
    review_again(rooms, folder)
    return lambda: assemble(rooms.datasets, 1)


if __name__ == "__main__":
    main()
