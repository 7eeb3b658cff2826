"""
Measure what is shown after the first reviews, before any training: `python -m scripts.bench.first_reviews`.

A detector trained on three classes serves a project with six other ones, so no label is a class of it. After 10, 20 and
40 reviewed images the boxes that people drew are references, and the labels of other scenes come from them, by the
product's own detector, embedder, vote and rule. Composed scenes, three seeds: each with another training, other scenes
and other cut-outs held out. Nothing is trained after the reviews.
"""

from __future__ import annotations

import argparse
import tempfile
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import numpy as np

from loop.errors import ImageError
from loop.label_studio.label_config import LabelConfig, parse
from loop.label_studio.payloads import Task
from loop.references.entries import Entry, Neighbour
from loop.regions import Box, Pixels, Region
from loop.registry.loaded_version import LoadedVersion
from loop.serving.predict import Suggestion, predict
from loop.serving.reference_labels import give_labels, list_voted
from loop.taxonomy.labelling.voting import LabelVoting
from loop.vision.crop_embedder import CropEmbedder
from loop.vision.embedding import Space, Vectors
from loop.vision.encoder.efficientnet import EfficientNet
from loop.vision.ultralytics_detector import UltralyticsDetector
from scripts.bench.figures import BenchReport, Measurement, spread
from scripts.bench.weights import IMAGE_SIZE, train_once
from scripts.demo import scenes
from scripts.demo.scenes import Scene

OURS = {  # none of those that the detector was trained on
    **{label: scenes.CLASSES[label] for label in ("Cattle", "Fish", "Vegetable")},
    "Insect": "animals/insects",
    "Tool": "household/tools",
    "Roadsign": "town/roadsigns",
}
SEEDS, REVIEWED, ASKED = (1, 2, 3), (0, 10, 20, 40), 60  # scenes
GOOD_ENOUGH, SAME_OBJECT = 0.75, 0.5  # IoU of a box that needs no work, and of one that shows an object
R = TypeVar("R")


@dataclass(frozen=True, slots=True)
class ShownCounts:
    """The objects of scenes; those *right* as shown, or *found* with their label; boxes that are *false*."""

    objects: int
    detected: int
    right: int
    found: int
    false: int
    scenes: int


class SceneImages:
    """The images of scenes, by the number of their task."""

    def __init__(self, shown: Sequence[Scene]) -> None:
        self._pixels = [np.ascontiguousarray(np.asarray(scene.image)[:, :, ::-1]) for scene in shown]

    def map(
        self, work: Callable[[Task, Pixels], R], tasks: Iterable[Task], *, at_once: int = 1
    ) -> Iterator[R | ImageError]:
        """Yield the result of *work* on the image of each task."""
        del at_once
        return (work(task, self._pixels[task.id]) for task in tasks)


class ExactReferences:
    """References in memory, searched as Milvus' index FLAT does."""

    def __init__(self, labels: Sequence[str], vectors: Vectors) -> None:
        self._entries = [Entry(str(number), number, "", label) for number, label in enumerate(labels)]
        self._vectors = vectors

    def search(self, vectors: Vectors, k: int) -> list[list[Neighbour]]:
        """Return the *k* nearest entries of each vector, nearest first."""
        near = vectors @ self._vectors.T
        order = np.argsort(-near, axis=1)[:, :k]
        return [
            [Neighbour(self._entries[at], float(near[row, at])) for at in nearest] for row, nearest in enumerate(order)
        ]


def main() -> None:
    """Measure all seeds, and publish."""
    parser = argparse.ArgumentParser(prog="first_reviews", description=__doc__)
    parser.add_argument("--seeds", type=lambda text: [int(part) for part in text.split(",")], default=SEEDS)
    options = parser.parse_args()
    measured: dict[tuple[str, int], list[ShownCounts]] = {}
    for seed in options.seeds:
        for key, counts in measure(seed).items():
            measured.setdefault(key, []).append(counts)
            print(seed, *key, counts, flush=True)
    make_report(measured).publish()


def measure(seed: int) -> dict[tuple[str, int], ShownCounts]:
    """Measure one seed: by the set of scenes asked for, and the number of images reviewed before."""
    with tempfile.TemporaryDirectory() as folder:
        weights = train_once(Path(folder), seed=seed, count=160, epochs=15)
    detector = UltralyticsDetector(weights, image_size=IMAGE_SIZE)
    embedder = CropEmbedder(EfficientNet(), Space("measured", ""))
    known, held_out = scenes.palettes(classes=OURS, first=seed)
    reviewed = scenes.compose(known, max(REVIEWED), seed=100 + seed, prefix="r")
    asked = {
        "cut-outs that were reviewed": scenes.compose(known, ASKED, seed=200 + seed, prefix="k"),
        "cut-outs held out": scenes.compose(held_out, ASKED, seed=300 + seed, prefix="h"),
    }
    config = parse(write_config())
    vectors = [embed(embedder, scene, [box for _, box in scene.objects]) for scene in reviewed]
    counts = {}
    for name, shown in asked.items():
        tasks = [Task(number, f"/{number}.jpg") for number in range(len(shown))]
        suggestions = list(predict(tasks, config, LoadedVersion("other@1.0.0", detector), SceneImages(shown)))
        boxes = [list_voted(suggestion) for suggestion in suggestions]
        asked_vectors = [
            embed(embedder, scene, [box.box for box in of_scene]) for scene, of_scene in zip(shown, boxes, strict=True)
        ]
        for count in REVIEWED:
            labels = [label for scene in reviewed[:count] for label, _ in scene.objects]
            voting = open_voting(config, labels, vectors[:count])
            labelled = [
                label_boxes(suggestion, of_scene, made, voting, config)
                for suggestion, of_scene, made in zip(suggestions, boxes, asked_vectors, strict=True)
            ]
            counts[name, count] = count_shown(shown, suggestions, labelled)
    return counts


def open_voting(config: LabelConfig, labels: Sequence[str], vectors: Sequence[Vectors]) -> LabelVoting | None:
    """Return the voting of the boxes reviewed so far; None without any."""
    if not labels:
        return None
    references = ExactReferences(labels, np.concatenate(vectors))
    return LabelVoting(config, frozenset(OURS), {}, references)


def label_boxes(
    suggestion: Suggestion, boxes: Sequence[Region], vectors: Vectors, voting: LabelVoting | None, config: LabelConfig
) -> Suggestion:
    """Return a suggestion with the labels of the references."""
    votes = voting.vote(vectors) if voting else [None] * len(boxes)
    return give_labels(suggestion, {box.id: vote for box, vote in zip(boxes, votes, strict=True) if vote}, config)


def count_shown(shown: Sequence[Scene], detected: Sequence[Suggestion], labelled: Sequence[Suggestion]) -> ShownCounts:
    """Count the objects that are shown right, and the boxes that are not."""
    counts: Counter[str] = Counter()
    for scene, raw, suggestion in zip(shown, detected, labelled, strict=True):
        boxes = [region.box for region in (*raw.shown, *raw.hidden, *raw.foreign)]
        remaining = list(suggestion.shown)
        for label, box in scene.objects:
            counts["detected"] += any(box.iou(other) >= SAME_OBJECT for other in boxes)
            best = max((region for region in remaining if region.label == label), key=_iou(box), default=None)
            if best and best.box.iou(box) >= SAME_OBJECT:
                remaining.remove(best)
                counts.update(found=1, right=best.box.iou(box) >= GOOD_ENOUGH)
        counts["false"] += len(remaining)
    objects = sum(len(scene.objects) for scene in shown)
    return ShownCounts(objects, counts["detected"], counts["right"], counts["found"], counts["false"], len(shown))


def _iou(box: Box) -> Callable[[Region], float]:
    return lambda region: region.box.iou(box)


def embed(embedder: CropEmbedder, scene: Scene, boxes: Sequence[Box]) -> Vectors:
    """Embed boxes of a scene."""
    pixels = np.ascontiguousarray(np.asarray(scene.image)[:, :, ::-1])
    return embedder.embed([pixels], [list(boxes)])[0]


def write_config() -> str:
    """Return the label config of the project."""
    labels = "".join(f'<Label value="{label}"/>' for label in OURS)
    control = f'<RectangleLabels name="label" toName="image">{labels}</RectangleLabels>'
    return f'<View><Image name="image" value="$image"/>{control}</View>'


def make_report(measured: dict[tuple[str, int], list[ShownCounts]]) -> BenchReport:
    """Put the seeds into a table."""
    columns = ("scenes of", "reviewed before", "objects detected at all", "right as shown", "with their label", "false")
    rows = [
        [
            name,
            f"{count} images" if count else "none",
            spread([100 * one.detected / one.objects for one in runs], 0) + " %",
            spread([100 * one.right / one.objects for one in runs], 0) + " %",
            spread([100 * one.found / one.objects for one in runs], 0) + " %",
            spread([one.false / one.scenes for one in runs], 2) + " an image",
        ]
        for (name, count), runs in measured.items()
    ]
    seeds = len(next(iter(measured.values())))
    title = f"After the first reviews, {ASKED} scenes a seed, median (least to most) of {seeds}"
    load = "a detector of three other classes; the labels by references alone, before any training; composed scenes"
    return BenchReport("first_reviews", load, [Measurement(title, columns, rows)])


if __name__ == "__main__":
    main()
