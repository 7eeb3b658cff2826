"""
Measure trainings with and without tiles on aerial photos, for as long: `python -m scripts.bench.tiles [SEED [WAY]]`.

Each way to train has its images pass the network about as often: a photo that is not cut has many more epochs. The
detectors are measured on whole photos, as they serve. Without SEED and WAY all that is missing is measured, which takes
half an hour on two cores; the figures of each training are kept in the JSON, so that it can be done in parts. The
trainings of an earlier day are measured again after `--anew`.
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from loop.datasets.folder import Snapshot
from loop.datasets.splits import Side
from loop.datasets.tiled.folder import TileWork
from loop.datasets.writer import open_draft
from loop.gate.evaluate import evaluate
from loop.label_studio.classes import ClassIndex
from loop.registry.detectors import Detectors
from loop.training.callbacks import Watch
from loop.training.trainer import TrainingPolicy, train
from loop.vision.image_files import prepare_file
from loop.vision.tiling.tiles import Framing, Tiling
from scripts.bench.aerial_photos import LABEL, cut_photos
from scripts.bench.figures import FOLDER, BenchReport, Goal, Measurement, spread
from scripts.demo import scenes

SEEDS = (0, 1, 2)
TILING = Tiling.of(320, 0.2)
BATCH, EPOCHS = 8, 8  # epochs of the way with tiles; all others have as many pixels pass the network
BACKGROUND_SHARE = 0.1
NAME = "tiles"


@dataclass(frozen=True, slots=True)
class Way:
    """One way to train and to serve: at *pixels* of the longer side, of a photo or of each of its tiles."""

    name: str
    pixels: int
    tiling: Tiling | None = None


WAYS = {
    "tiles": Way("tiles of 320 px, at 320 px", 320, TILING),
    "whole": Way("whole photos, at 320 px", 320),
    "larger": Way("whole photos, at 640 px", 640),
}


def main() -> None:
    """Measure what is missing, and publish all."""
    options = _read_options()
    measured = {} if options.anew else _read_measured()
    seeds, ways = [options.seed] if options.seed is not None else SEEDS, [options.way] if options.way else WAYS
    for seed in seeds:
        for way in ways:
            if f"{way} {seed}" not in measured:
                measured[f"{way} {seed}"] = measure(WAYS[way], seed)
                print(way, seed, measured[f"{way} {seed}"], flush=True)
                make_report(measured).publish()


def measure(way: Way, seed: int) -> dict[str, Any]:
    """Train in one way, and measure the weights on the photo that is held out."""
    with tempfile.TemporaryDirectory(prefix="loop-tiles-") as folder:
        snapshots = {is_cut: write_photos(Path(folder, str(is_cut)), is_cut=is_cut) for is_cut in (True, False)}
        passes = EPOCHS * snapshots[True].report["tiles"][Side.TRAIN] * (TILING.side / way.pixels) ** 2
        snapshot = snapshots[way.tiling is not None]
        images = len(list((snapshot.trained_on.parent / "images" / Side.TRAIN).iterdir()))
        epochs = max(1, round(passes / images))
        policy = TrainingPolicy(epochs, BATCH, way.pixels, device="cpu", seed=seed)
        began = time.perf_counter()
        watch = Watch(lambda _: None, lambda: None)
        weights = train(snapshot.trained_on, scenes.WARM_START, Path(folder, "run"), policy, watch)
        seconds = time.perf_counter() - began
        detectors = Detectors("cpu", None, str(weights), Path(folder))
        detector, framing = detectors.load(weights, Framing(way.pixels, way.tiling)), Framing(way.pixels, way.tiling)
        metrics = evaluate(detector, snapshot.data).metrics
        (milliseconds,) = detectors.latencies([(weights, framing)], list(snapshot.held_out().values()), times=3)
    return {
        "map50": metrics.map50,
        "map50_95": metrics.map50_95,
        "boxes": metrics.boxes,
        "images": images,
        "epochs": epochs,
        "seconds": seconds,
        "milliseconds": milliseconds,
    }


def write_photos(folder: Path, *, is_cut: bool) -> Snapshot:
    """Write the photos as a dataset."""
    folder.mkdir()
    photos = list(cut_photos(folder))
    files = {image.task_id: path for _, image, path in photos}
    classes = ClassIndex.of([LABEL])
    with open_draft(folder / "snapshots") as draft:
        images = [image for _, image, _ in photos]
        draft.add(images, classes, lambda image: prepare_file(files[image.task_id], image.image, 1 << 30, folder))
        sides = {image.task_id: side for side, image, _ in photos}
        return draft.finish(sides, classes, tiles=TileWork(TILING, BACKGROUND_SHARE) if is_cut else None)


def make_report(measured: dict[str, dict[str, Any]]) -> BenchReport:
    """Return the figures of all trainings, by the way to train."""
    rows, medians = [], dict[str, float]()
    for key, way in WAYS.items():
        runs = [measured[name] for seed in SEEDS if (name := f"{key} {seed}") in measured]
        if runs:
            measures = (("map50", 3), ("map50_95", 3), ("seconds", 0), ("milliseconds", 0))
            figures = [spread([run[name] for run in runs], digits) for name, digits in measures]
            rows.append([way.name, str(len(runs)), f"{runs[0]['images']} x {runs[0]['epochs']}", *figures])
            medians[key] = statistics.median(run["map50"] for run in runs)
    columns = ("", "seeds", "images x epochs", "mAP50", "mAP50-95", "seconds of training", "ms a photo")
    tables = [Measurement("Aerial photos of trees, median (least to most)", columns, rows)]
    best = max([0.0, *(medians[key] for key in medians if key != "tiles")])
    is_whole = len(measured) == len(WAYS) * len(SEEDS)
    goal = Goal(
        "aerial photos: mAP50 with tiles and without, at equal training time",
        "better with tiles",
        f"{medians['tiles']:.2f} and {best:.2f}" if is_whole else "",
        medians["tiles"] > best if is_whole else None,
    )
    load = (
        f"YOLO11n, {BATCH} images a step, trained on four aerial photos of 1250x1250, measured whole on one "
        "of 1249x1035 with 279 trees; a warm start that knows no trees; in parts, of several days and machines, beside "
        "other work, so the seconds tell little"
    )
    return BenchReport(NAME, load, tables, [goal], raw=dict(measured))


def _read_measured() -> dict[str, dict[str, Any]]:
    path = FOLDER / f"{NAME}.json"
    return json.loads(path.read_text())["raw"] if path.exists() else {}


def _read_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog=f"scripts.bench.{NAME}", description=__doc__)
    parser.add_argument("seed", type=int, nargs="?", choices=SEEDS)
    parser.add_argument("way", nargs="?", choices=list(WAYS))
    parser.add_argument("--anew", action="store_true", help="forget what was measured before")
    return parser.parse_args()


if __name__ == "__main__":
    main()
