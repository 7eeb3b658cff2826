"""
Measure the effects and the cost of sending every image through the network alone.

`python -m scripts.bench.same_boxes [WEIGHTS] [PIXELS…]`: composed scenes, with ultralytics' own batches and validator
beside ours. WEIGHTS know one class, like the start weights of the demo.
"""

from __future__ import annotations

import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table

from loop.gate.evaluate import evaluate
from loop.regions import Pixels
from loop.vision import ultralytics_setup
from loop.vision.ultralytics_detector import UltralyticsDetector
from scripts.demo import project, scenes

SIZES = ((480, 360), (640, 480), (1280, 720), (720, 1280), (600, 600), (1000, 300), (333, 517), (1920, 1080))
SCENES, BATCH, ROUNDS, SHOWN, FLOOR = 40, 8, 5, 0.25, 0.05
console = Console(width=140)


def main() -> None:
    """Print one table per question, one row per image size."""
    weights = Path(sys.argv[1]) if len(sys.argv) > 1 else scenes.WARM_START
    rows: dict[str, list[list[str]]] = {}
    for side in [int(argument) for argument in sys.argv[2:]] or [160, 320, 640]:
        detector = UltralyticsDetector(weights, device="cpu", image_size=side)
        for name, measure in QUESTIONS.items():
            rows.setdefault(name, []).append([str(side), *measure(weights, detector)])
    for name, values in rows.items():
        table = Table("px", *COLUMNS[name], title=name, box=None)
        for row in values:
            table.add_row(*row)
        console.print(table)


def neighbours(_: Path, detector: UltralyticsDetector) -> list[str]:
    """Count scenes of mixed sizes whose boxes differ between a batch and the scene alone."""
    images = [pixels(scene) for scene in compose_scenes(detector, is_mixed=True)]
    cells = []
    for detect in (in_batches(detector), one_by_one(detector)):
        alone, together = [detect([image])[0] for image in images], detect(images)
        counts = sum(count_shown(one) != count_shown(other) for one, other in zip(alone, together, strict=True))
        anything = sum(one != other for one, other in zip(alone, together, strict=True))
        cells += [f"{counts} of {len(images)}", f"{anything} of {len(images)}"]
    return cells


def precision(weights: Path, detector: UltralyticsDetector) -> list[str]:
    """Return mAP50 and mAP50-95 by ultralytics' validator and by ours: scenes of one size, then of mixed sizes."""
    from ultralytics import YOLO

    cells = []
    with tempfile.TemporaryDirectory() as scratch:
        for is_mixed in (False, True):
            made = compose_scenes(detector, is_mixed=is_mixed)
            data = project.write_dataset(Path(scratch) / str(is_mixed), detector.class_names, made)
            ours = evaluate(detector, data).metrics
            options = {"imgsz": detector.image_size, "device": "cpu", "workers": 0, "plots": False, "verbose": False}
            theirs = YOLO(str(weights)).val(data=str(data), project=scratch, **options)
            cells += [f"{theirs.box.map50:.3f} / {theirs.box.map:.3f}", f"{ours.map50:.3f} / {ours.map50_95:.3f}"]
    return cells


def seconds(_: Path, detector: UltralyticsDetector) -> list[str]:
    """Measure milliseconds per image for many images of one size in a request; both ways take turns."""
    images = [pixels(scene) for scene in compose_scenes(detector, is_mixed=False)]
    ways = in_batches(detector), one_by_one(detector)
    spent: list[list[float]] = [[time_detector(way, images) for way in ways] for _ in range(ROUNDS + 1)][1:]
    cells = [f"{statistics.median(row[at] for row in spent):.1f}" for at in range(len(ways))]
    return [*cells, f"{statistics.median(row[1] / row[0] for row in spent):.2f}"]


def threads(_: Path, detector: UltralyticsDetector) -> list[str]:
    """Count boxes that differ, in place or confidence, between one thread and all threads."""
    images = [pixels(scene) for scene in compose_scenes(detector, is_mixed=True)]
    usual, ultralytics_setup.thread_count = ultralytics_setup.thread_count, lambda: 1
    try:
        with_one = one_by_one(detector)(images)
    finally:
        ultralytics_setup.thread_count = usual
    with_all = one_by_one(detector)(images)
    others = sum(len(set(one) ^ set(other)) for one, other in zip(with_one, with_all, strict=True)) // 2
    return [f"{others} of {sum(map(len, with_all))}"]


QUESTIONS: dict[str, Callable[[Path, UltralyticsDetector], list[str]]] = {
    "scenes with other boxes beside others than alone": neighbours,
    "mAP50 / mAP50-95": precision,
    "milliseconds an image, many of one size in a request": seconds,
    "boxes that are other with one thread": threads,
}
COLUMNS = dict(
    zip(
        QUESTIONS,
        (
            ["batches: other number shown", "batches: other in anything", "alone: number shown", "alone: anything"],
            ["yolo val, one size", "ours", "yolo val, mixed sizes", "ours"],
            [f"batches of {BATCH}", "alone", "ratio"],
            ["boxes"],
        ),
        strict=True,
    )
)


def compose_scenes(detector: UltralyticsDetector, *, is_mixed: bool) -> list[scenes.Scene]:
    """Compose scenes whose objects all have the class that the weights know."""
    known, _ = scenes.palettes()
    made = scenes.compose(known, SCENES, seed=21, prefix="m")
    sizes = SIZES if is_mixed else (scenes.SIZE,)
    (label,) = detector.class_names
    return [
        scenes.Scene(
            scene.name, scene.image.resize(sizes[at % len(sizes)]), tuple((label, box) for _, box in scene.objects)
        )
        for at, scene in enumerate(made)
    ]


def pixels(scene: scenes.Scene) -> Pixels:
    """Return the pixels of a scene as a detector takes them: BGR."""
    return np.ascontiguousarray(np.asarray(scene.image)[:, :, ::-1])


def one_by_one(detector: UltralyticsDetector) -> Callable[[Sequence[Pixels]], list[Any]]:
    """Return the way of the loop: boxes and confidences of each image alone."""
    return lambda images: [[(one.box, one.confidence) for one in found] for found in detector.detect(images, FLOOR)]


def in_batches(detector: UltralyticsDetector) -> Callable[[Sequence[Pixels]], list[Any]]:
    """Return the way of ultralytics: in batches."""
    model = detector._model
    options = {"imgsz": detector.image_size, "device": "cpu", "verbose": False, "conf": FLOOR}

    def detect(images: Sequence[Pixels]) -> list[Any]:
        ultralytics_setup.repeat_arithmetic()
        batches = [list(images[start : start + BATCH]) for start in range(0, len(images), BATCH)]
        results = [result.boxes for batch in batches for result in model.predict(batch, **options)]
        return [list(zip(map(tuple, boxes.xyxyn.tolist()), boxes.conf.tolist(), strict=True)) for boxes in results]

    return detect


def count_shown(detections: Sequence[tuple[Any, float]]) -> int:
    """Count the boxes of an image that are shown."""
    return sum(confidence >= SHOWN for _, confidence in detections)


def time_detector(detect: Callable[[Sequence[Pixels]], Any], images: Sequence[Pixels]) -> float:
    """Return the milliseconds per image."""
    began = time.perf_counter()
    detect(images)
    return 1000 * (time.perf_counter() - began) / len(images)


if __name__ == "__main__":
    main()
