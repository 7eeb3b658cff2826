"""
Compare ways to order the queue: the share of the annotators' work in its first 30%.

`python -m scripts.bench.priority WEIGHTS…` predicts composed scenes by each of the weights, for instance the versions
that a demo trained, and counts the corrections that each scene needs: where each scene has objects, and where 80% have
none.
"""

from __future__ import annotations

import statistics
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from loop.regions import Region
from loop.reviews.verdicts import Decision, Verdict, judge
from loop.serving.queue_order import QueueOrder, task_score
from loop.vision.ultralytics_detector import UltralyticsDetector
from scripts.demo import scenes
from scripts.demo.annotator import GOOD_ENOUGH

THRESHOLD, FLOOR = 0.25, 0.05
SCENES, SEEDS, FIRST = 150, (11, 12, 13), 0.3
SHARES = (0.0, 0.8)  # of the scenes without objects

ORDERS: list[QueueOrder] = [order for order in QueueOrder if order not in (QueueOrder.RANDOM, QueueOrder.WEAK_CLASSES)]


def main() -> None:
    """Print one row per order and one column per version: median over the seeds, least and most."""
    detectors = [UltralyticsDetector(Path(name), image_size=160) for name in sys.argv[1:]]
    for empty in SHARES:
        names = (Path(name).parent.name for name in sys.argv[1:])
        table = Table(f"{empty:.0%} of the scenes are empty", *names, box=None)
        measured = [[measure(detector, seed, empty) for seed in SEEDS] for detector in detectors]
        for order in [*ORDERS, QueueOrder.RANDOM]:
            shares = [[seed[order] for seed in version] for version in measured]
            table.add_row(order, *(f"{statistics.median(of):.2f} ({min(of):.2f} to {max(of):.2f})" for of in shares))
        Console().print(table)


def may_be_empty(share: float) -> scenes.Recipe:
    """Return the recipe of the demo's scenes, of which a *share* has no object."""
    recipe = scenes.OF_THE_DEMO
    return replace(recipe, count=lambda rng: 0 if rng.random() < share else recipe.count(rng)) if share else recipe


def measure(detector: UltralyticsDetector, seed: int, empty: float) -> dict[QueueOrder, float]:
    """Return the share of all work that is in the first part of the queue, by order; *empty* scenes have no object."""
    known, _ = scenes.palettes()
    confidences, work = [], []
    for scene in scenes.compose(known, SCENES, seed=seed, prefix="m", recipe=may_be_empty(empty)):
        (detected,) = detector.detect([np.ascontiguousarray(np.asarray(scene.image)[:, :, ::-1])], FLOOR)
        predicted = [Region("", one.box, one.class_name) for one in detected if one.confidence >= THRESHOLD]
        truth = [Region("", box, label) for label, box in scene.objects]
        confidences.append([one.confidence for one in detected])
        work.append(sum(map(is_work, judge(predicted, truth))))
    first = round(FIRST * SCENES)
    random = np.random.default_rng(seed).permutation(SCENES)
    orders = {order: [task_score(one, THRESHOLD, order) for one in confidences] for order in ORDERS}
    ranked: dict[QueueOrder, NDArray[np.intp]] = {
        order: np.argsort(scores, kind="stable") for order, scores in orders.items()
    }
    ranked[QueueOrder.RANDOM] = random
    return {order: float(np.sum(np.array(work)[at[:first]]) / sum(work)) for order, at in ranked.items()}


def is_work(verdict: Verdict) -> bool:
    """Return whether an annotator has something to do; boxes that are close enough need no work."""
    if verdict.predicted and verdict.reviewed and verdict.decision != Decision.CONFIRMED:
        return verdict.is_relabelled or verdict.predicted.box.iou(verdict.reviewed.box) < GOOD_ENOUGH
    return verdict.decision != Decision.CONFIRMED


if __name__ == "__main__":
    main()
