"""
Measure one object, one box: the annotators' work by the IoU from which two boxes show one object.

`python -m scripts.bench.doubles WEIGHTS… [--voc FOLDER]` predicts composed scenes by each of the weights, for instance
the versions that a demo trained, and corrects them as the demo's annotator does. Composed objects hardly overlap, so
*--voc* counts the true boxes of real images, in files of Pascal VOC, that would be held back beside each other.
"""

from __future__ import annotations

import argparse
import statistics
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from defusedxml import ElementTree
from rich.console import Console
from rich.table import Table

from loop.regions import Box, Region, find_doubles
from loop.reviews.verdicts import judge
from loop.serving.queue_order import task_score
from loop.vision.ultralytics_detector import UltralyticsDetector
from scripts.bench.priority import FIRST, FLOOR, SCENES, SEEDS, THRESHOLD, is_work
from scripts.demo import scenes

LIMITS = (2.0, 0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3)  # IoU; 2.0: every box is shown
OURS = 0.7

Predicted = Sequence[Region]
Score = Callable[[Predicted, Predicted], float]  # of the boxes without doubles, and of the doubles

SCORES: dict[str, Score] = {
    "as shown boxes (ours)": lambda shown, doubles: score([*shown, *doubles]),
    "not at all": lambda shown, _: score(shown),
    "as boxes just under the threshold": lambda shown, doubles: score([*shown, *capped(doubles)]),
}


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(prog="doubles", description=__doc__)
    parser.add_argument("weights", nargs="+", type=Path)
    parser.add_argument("--voc", type=Path)
    options = parser.parse_args()
    edits = Table("IoU", *(path.stem for path in options.weights), title="edits an image; doubles an image", box=None)
    queue = Table(
        "doubles count", *(path.stem for path in options.weights), title=f"work in the first {FIRST:.0%}", box=None
    )
    measured = [[predict(path, seed) for seed in SEEDS] for path in options.weights]
    for limit in LIMITS:
        edits.add_row(f"{limit:g}" if limit <= 1 else "none", *(describe(version, limit) for version in measured))
    for name, order in SCORES.items():
        shares = ([share_in_front(seed, order) for seed in version] for version in measured)
        queue.add_row(name, *(f"{statistics.median(each):.2f} ({min(each):.2f} to {max(each):.2f})" for each in shares))
    Console(width=160).print(edits, queue)
    if options.voc:
        Console(width=160).print(count_close(options.voc))


Scenes = list[tuple[Predicted, Predicted]]  # the predicted boxes of each scene, the surest first, and its true boxes


def predict(weights: Path, seed: int) -> Scenes:
    """Predict the scenes of a seed."""
    detector = UltralyticsDetector(weights, image_size=160)
    known, _ = scenes.palettes()
    predicted: Scenes = []
    for scene in scenes.compose(known, SCENES, seed=seed, prefix="m"):
        (detected,) = detector.detect([np.ascontiguousarray(np.asarray(scene.image)[:, :, ::-1])], FLOOR)
        boxes = [Region("", one.box, one.class_name, one.confidence) for one in detected]
        predicted.append((boxes, [Region("", box, label) for label, box in scene.objects]))
    return predicted


def split(predicted: Predicted, limit: float) -> tuple[list[Region], list[Region]]:
    """Return the shown boxes, and the doubles of these."""
    sure = [region for region in predicted if (region.score or 0.0) >= THRESHOLD]
    doubles = find_doubles([region.box for region in sure], [""] * len(sure), one_object=limit)
    shown = [region for region, double in zip(sure, doubles, strict=True) if double is None]
    return shown, [region for region, double in zip(sure, doubles, strict=True) if double is not None]


def describe(version: Sequence[Scenes], limit: float) -> str:
    """Return the edits and the doubles an image, over all seeds."""
    pairs = [(split(predicted, limit), truth) for seed in version for predicted, truth in seed]
    edits = [count_edits(shown, truth) for (shown, _), truth in pairs]
    doubles = [len(held_back) for (_, held_back), _ in pairs]
    return f"{statistics.fmean(edits):.3f}; {statistics.fmean(doubles):.3f}"


def count_edits(shown: Predicted, truth: Predicted) -> int:
    """Return how many boxes an annotator deletes, moves, relabels or draws."""
    return sum(map(is_work, judge(shown, truth)))


def share_in_front(seed: Scenes, order: Score) -> float:
    """Return the share of all edits that stands in the first part of the queue."""
    parts = [split(predicted, OURS) for predicted, _ in seed]
    work = np.array([count_edits(shown, truth) for (shown, _), (_, truth) in zip(parts, seed, strict=True)])
    unsure = [[region for region in predicted if (region.score or 0.0) < THRESHOLD] for predicted, _ in seed]
    scored = [order([*shown, *rest], doubles) for (shown, doubles), rest in zip(parts, unsure, strict=True)]
    first = np.argsort(scored, kind="stable")[: round(FIRST * len(seed))]
    return float(work[first].sum() / work.sum())


def score(boxes: Predicted) -> float:
    """Score a task by its boxes."""
    return task_score([region.score or 0.0 for region in boxes], THRESHOLD)


def capped(doubles: Predicted) -> list[Region]:
    """Return doubles with the confidence of a box just under the threshold."""
    return [replace(region, score=THRESHOLD - 1e-9) for region in doubles]


def count_close(folder: Path) -> Table:
    """Count the true boxes that would be held back beside another true box, by IoU."""
    images = [list(read_voc(path)) for path in sorted(folder.rglob("*.xml"))]
    total = sum(map(len, images))
    table = Table("IoU", "true boxes held back", title=f"{total} true boxes on {len(images)} images", box=None)
    for limit in LIMITS[1:]:
        close = sum(
            sum(double is not None for double in find_doubles(boxes, [""] * len(boxes), one_object=limit))
            for boxes in images
        )
        table.add_row(f"{limit:g}", f"{close} ({close / total:.2%})")
    return table


def read_voc(path: Path) -> Iterator[Box]:
    """Yield the boxes of a file of Pascal VOC, in pixels."""
    for tag in ElementTree.parse(path).getroot().iter("bndbox"):
        yield Box(*(float(tag.findtext(side) or 0) for side in ("xmin", "ymin", "xmax", "ymax")))


if __name__ == "__main__":
    main()
