"""
Measure how well suspects are planted errors: `python -m scripts.bench.suspects [--objectlab PYTHON]`.

A tenth of the boxes of composed scenes get an error: another label, another place, no box, or a box where nothing is. A
detector that never saw these scenes detects on them, and our three kinds of suspects are compared with cleanlab's
ObjectLab on the same boxes and detections. *--objectlab* is the Python of an environment that has cleanlab.
"""

from __future__ import annotations

import argparse
import json
import random
import statistics
import subprocess
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from loop.crops.suspicion import ReviewedImage, SuspectKind, SuspicionPolicy, find_misplaced, find_overlooked
from loop.references.entries import Entry, Neighbour
from loop.references.label_errors import ErrorPolicy, find_suspects
from loop.regions import Box, Region
from loop.vision.crop_embedder import CropEmbedder
from loop.vision.embedding import Space
from loop.vision.encoder.efficientnet import EfficientNet
from loop.vision.ultralytics_detector import UltralyticsDetector
from scripts.bench.figures import FOLDER, BenchReport, Goal, Measurement, spread
from scripts.bench.first_reviews import embed
from scripts.bench.planted_errors import ERRORS, LABELS, Planted, count_planted, name_missing, plant
from scripts.bench.weights import CLASSES, IMAGE_SIZE, train_once
from scripts.demo import scenes
from scripts.demo.scenes import Scene

SEEDS, SCENES = (1, 2, 3), 400
FLOOR = 0.05  # confidence
FIRST, FIRST_OF_KIND = 50, 25  # boxes
PRECISION = 0.8  # goal of the first of all kinds
KIND_OF = {
    "swapped": SuspectKind.SWAPPED,
    "missing": SuspectKind.OVERLOOKED,
    "shifted": SuspectKind.MISPLACED,
    "extra": SuspectKind.MISPLACED,
}


@dataclass(frozen=True, slots=True)
class RankedBox:
    """A suspect of any method: its score, and the planted error that it is, if any, as a name."""

    score: float
    error: str = ""


Ranking = Mapping[SuspectKind, Sequence[RankedBox]]
Figures = dict[str, dict[str, float]]  # by method


def main() -> None:
    """Measure all seeds, and publish."""
    parser = argparse.ArgumentParser(prog="suspects", description=__doc__)
    parser.add_argument("--objectlab", type=Path)
    parser.add_argument("--seeds", type=lambda text: [int(part) for part in text.split(",")], default=SEEDS)
    options = parser.parse_args()
    results = read_measured()
    for seed in options.seeds:
        results[str(seed)] = measure(seed, options.objectlab)
        print(seed, results[str(seed)], flush=True)
        make_report(results).publish()


def read_measured() -> dict[str, Figures]:
    """Return the figures of the seeds that were measured before, on as many scenes."""
    stored = FOLDER / "suspects.json"
    raw = json.loads(stored.read_text())["raw"] if stored.exists() else {}
    return dict(raw["seeds"]) if raw.get("scenes") == SCENES else {}


def measure(seed: int, objectlab: Path | None) -> Figures:
    """Return the figures of each method on the scenes of a seed."""
    with tempfile.TemporaryDirectory() as folder:
        weights = train_once(Path(folder), seed=seed, count=160, epochs=15)
    known, _ = scenes.palettes(classes=CLASSES)
    composed = scenes.compose(known, SCENES, seed=500 + seed, prefix="s")
    planted = plant(composed, random.Random(seed))
    detected = detect(UltralyticsDetector(weights, image_size=IMAGE_SIZE), composed)
    ours = rank_ours(composed, planted, detected)
    methods: dict[str, Ranking] = {"ours": ours}
    for name, sure in (("ObjectLab", None), ("ObjectLab, sure from 0.5", 0.5)) if objectlab else ():
        assert objectlab
        methods[name] = rank_theirs(objectlab, planted, detected, sure)
    totals = {error: count_planted(planted, error) for error in ERRORS}
    return {name: judge(ranked, totals) for name, ranked in methods.items()}


def detect(detector: UltralyticsDetector, composed: Sequence[Scene]) -> list[list[Region]]:
    """Return the detections on each scene."""
    detected = []
    for number, scene in enumerate(composed):
        pixels = np.ascontiguousarray(np.asarray(scene.image)[:, :, ::-1])
        (boxes,) = detector.detect([pixels], FLOOR)
        detected.append(
            [Region(f"d{number}-{at}", one.box, one.class_name, one.confidence) for at, one in enumerate(boxes)]
        )
    return detected


def rank_ours(composed: Sequence[Scene], planted: Sequence[Planted], detected: Sequence[Sequence[Region]]) -> Ranking:
    """Return our suspects, by the product's own functions."""
    policy = SuspicionPolicy()
    images = [
        ReviewedImage(number, "", tuple(image.regions), tuple(boxes))
        for number, (image, boxes) in enumerate(zip(planted, detected, strict=True))
    ]
    neighbours = find_neighbours(composed, planted)
    swapped = [
        RankedBox(one.share, planted[one.entry.task].wrong.get(one.entry.region, ""))
        for one in find_suspects(neighbours, ErrorPolicy())
    ]
    overlooked = [
        RankedBox(one.score, name_missing(planted[one.task_id], one.region.box))
        for one in find_overlooked(images, policy)
    ]
    misplaced = [
        RankedBox(one.score, planted[one.task_id].wrong.get(one.region.id, ""))
        for one in find_misplaced(images, policy)
    ]
    return {SuspectKind.SWAPPED: swapped, SuspectKind.OVERLOOKED: overlooked, SuspectKind.MISPLACED: misplaced}


def find_neighbours(composed: Sequence[Scene], planted: Sequence[Planted], k: int = 30) -> dict[Entry, list[Neighbour]]:
    """Map each box to its nearest others, as Milvus' index FLAT finds them."""
    embedder = CropEmbedder(EfficientNet(), Space("measured", ""))
    entries, vectors = list[Entry](), []
    for number, (scene, image) in enumerate(zip(composed, planted, strict=True)):
        if image.regions:
            vectors.append(embed(embedder, scene, [region.box for region in image.regions]))
            entries += [Entry(region.id, number, region.id, region.label) for region in image.regions]
    stacked = np.concatenate(vectors)
    cosines = stacked @ stacked.T
    np.fill_diagonal(cosines, -1)
    order = np.argsort(-cosines, axis=1)[:, :k]
    return {
        entry: [Neighbour(entries[at], float(cosines[row, at])) for at in order[row]]
        for row, entry in enumerate(entries)
    }


def rank_theirs(
    python: Path, planted: Sequence[Planted], detected: Sequence[Sequence[Region]], sure: float | None
) -> Ranking:
    """Return all boxes by the scores of ObjectLab, likeliest error first."""
    ordered = [sorted(boxes, key=lambda box: LABELS.index(box.label)) for boxes in detected]
    content = [
        {
            "labels": [LABELS.index(region.label) for region in image.regions],
            "boxes": [corners(region.box) for region in image.regions],
            "predictions": [[LABELS.index(box.label), *corners(box.box), box.score] for box in boxes],
        }
        for image, boxes in zip(planted, ordered, strict=True)
    ]
    sent = json.dumps({"classes": len(LABELS), "images": content, "sure": sure})
    script = Path(__file__).with_name("objectlab.py")
    done = subprocess.run([python, script], input=sent, capture_output=True, text=True, check=True)
    scores: dict[str, list[list[float]]] = json.loads(done.stdout)

    def of_regions(kind: str) -> Iterator[tuple[float, str]]:
        for image, of_image in zip(planted, scores[kind], strict=True):
            for region, score in zip(image.regions, of_image, strict=True):
                yield score, image.wrong.get(region.id, "")

    of_detections = (
        (score, name_missing(image, box.box))
        for image, boxes, of_image in zip(planted, ordered, scores["overlooked"], strict=True)
        for box, score in zip(boxes, of_image, strict=True)
    )
    return {
        SuspectKind.SWAPPED: order_scores(of_regions("swapped")),
        SuspectKind.OVERLOOKED: order_scores(of_detections),
        SuspectKind.MISPLACED: order_scores(of_regions("misplaced")),
    }


def corners(box: Box) -> list[float]:
    """Return a box in pixels of the scene."""
    width, height = scenes.SIZE
    return [box.x0 * width, box.y0 * height, box.x1 * width, box.y1 * height]


def order_scores(scored: Iterable[tuple[float, str]]) -> list[RankedBox]:
    """Return boxes likeliest first, without those that ObjectLab does not score."""
    boxes = [RankedBox(1 - score, error) for score, error in scored if not np.isnan(score)]
    return sorted(boxes, key=lambda box: -box.score)


def judge(ranked: Ranking, totals: Mapping[str, int]) -> dict[str, float]:
    """Return the precision of the first boxes, and the share of the errors that is found in as many as were planted."""
    figures: dict[str, float] = {}
    merged = sorted((box for boxes in ranked.values() for box in boxes), key=lambda box: -box.score)
    figures[f"all kinds: precision at {FIRST}"] = sum(bool(box.error) for box in merged[:FIRST]) / FIRST
    for kind, boxes in ranked.items():
        hits = sum(bool(box.error) for box in boxes[:FIRST_OF_KIND])
        figures[f"{kind.value}: precision at {FIRST_OF_KIND}"] = hits / FIRST_OF_KIND
    for error in ERRORS:
        planted = sum(totals[other] for other in ERRORS if KIND_OF[other] == KIND_OF[error])
        listed = ranked[KIND_OF[error]][:planted]
        figures[f"{error}: found"] = min(1.0, sum(box.error == error for box in listed) / totals[error])
    return figures


def make_report(results: Mapping[str, Figures]) -> BenchReport:
    """Put the seeds into a table."""
    seeds = list(results.values())
    methods = [method for method in seeds[0] if all(method in figures for figures in seeds)]
    rows = [
        [name, *(spread([figures[method][name] for figures in seeds], 2) for method in methods)]
        for name in seeds[0][methods[0]]
    ]
    title = f"{SCENES} scenes a seed, a tenth of their boxes wrong, median (least to most) of {len(seeds)}"
    load = (
        f"YOLO11n at {IMAGE_SIZE} px that never saw these scenes; of the same cut-outs; swapped, shifted, missing and "
        "extra boxes, as many of each; found: among as many of a kind as errors; other work may run beside it"
    )
    table = Measurement(title, ("suspects", *methods), rows)
    ours = [figures["ours"][f"all kinds: precision at {FIRST}"] for figures in seeds]
    reached = statistics.median(ours) >= PRECISION if len(ours) == len(SEEDS) else None
    goal = Goal(f"label errors: precision at {FIRST}", f"at least {PRECISION}", spread(ours, 2), reached)
    return BenchReport("suspects", load, [table], [goal], {"scenes": SCENES, "seeds": results})


if __name__ == "__main__":
    main()
