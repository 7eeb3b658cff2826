"""Evaluations made up from nothing, and a project whose newest training is judged on them."""

from dataclasses import replace
from datetime import UTC, datetime

import numpy as np

from loop.datasets.snapshots import LabelledImage
from loop.datasets.splits import Side
from loop.datasets.writer import open_draft
from loop.gate.comparison import Latency, contrast
from loop.gate.evaluation import IOUS, Evaluation, Metrics, PredictedBoxes, TrueBoxes
from loop.gate.report import ComparedVersion, GateReport, Picture, list_boxes, list_broken, list_fixed
from loop.gate.rule import GatePolicy, rule
from loop.gate.true_positives import mark_hits
from loop.label_studio.classes import ClassIndex
from loop.registry.store import VersionFacts
from loop.training.retrain import retrain
from loop.vision.image_files import prepare_file
from scripts.bench.harmed_evaluations import harm
from tests.builders import picture, region
from tests.gate.fakes import EvaluatedDetectors
from tests.swap import swap

CLASSES = ("Bird", "Cattle", "Fish")


def evaluation(images=40, classes=CLASSES, boxes=3, false=2, recall=0.85, spread=0.06, seed=0):
    """
    A detector that finds a share *recall* of the labels, off by *spread* of their size.

    It has *false* wrong boxes on each image. The labels depend on the numbers of images, classes and boxes alone.
    """
    truth, rng = np.random.default_rng(1), np.random.default_rng(seed)
    of_label = np.repeat(np.arange(images, dtype=np.int32), boxes)
    label_class = truth.integers(0, len(classes), len(of_label)).astype(np.int32)
    label_box = _boxes(truth, len(of_label))
    is_detected = rng.random(len(of_label)) < recall
    wrong = np.repeat(np.arange(images, dtype=np.int32), false)
    image = np.concatenate([of_label[is_detected], wrong])
    near = label_box[is_detected] + rng.normal(0, spread, (is_detected.sum(), 4)) * 0.2
    order = np.argsort(image, kind="stable")
    detections = PredictedBoxes(
        image=image[order],
        class_id=np.concatenate([label_class[is_detected], rng.integers(0, len(classes), len(wrong))])[order].astype(
            np.int32
        ),
        box=np.concatenate([near, _boxes(rng, len(wrong))])[order].astype(np.float32),
        confidence=np.concatenate([rng.uniform(0.3, 1, is_detected.sum()), rng.uniform(0, 0.6, len(wrong))])[
            order
        ].astype("f4"),
        hits=np.zeros((len(image), IOUS), bool),
    )
    labels = TrueBoxes(of_label, label_class, label_box.astype(np.float32))
    names = tuple(f"task-{number:08d}" for number in range(images))
    return mark_hits(Evaluation(tuple(classes), names, labels, detections, Metrics(0.5, 0.3, images, len(of_label))))


def _boxes(rng, count):
    corner = rng.uniform(0, 0.8, (count, 2))
    return np.concatenate([corner, corner + 0.2], axis=1)


GOOD = evaluation(12)
BAD = harm(GOOD, 0.7, seed=1)
OLD, NEW = b"champion", b"candidate"


def write_snapshot(rooms, folder, held_out, names=("Car",)):
    """
    A dataset of held-out images that are named as the evaluations name theirs, and one to train on.

    Each shows one object, of the classes in turn.
    """
    (folder / "image.jpg").write_bytes(picture())
    labels = ClassIndex.of(names)
    sides = dict(enumerate([Side.HELD_OUT] * held_out + [Side.TRAIN]))
    with open_draft(rooms.datasets.snapshots.folder(1)) as draft:
        items = [LabelledImage(number, "", (region(label=names[number % len(names)]),)) for number in sides]
        draft.add(items, labels, lambda item: prepare_file(folder / "image.jpg", item.image, 1_000_000, folder))
        return draft.finish(sides, labels)


def add(rooms, folder, weights, snapshot=None, training=None, thresholds=None):
    (folder / "weights.pt").write_bytes(weights)
    champion = rooms.registry.versions.champion(1)
    made_by = {"training": training.id, "batch": 4} if training else {}
    facts = VersionFacts(
        snapshot=snapshot.hash if snapshot else None,
        parent=champion.name if champion else None,
        thresholds=thresholds or {},
        training=made_by,
    )
    return rooms.registry.versions.add(1, folder / "weights.pt", facts)


def serve(rooms, version):
    rooms.registry.versions.promote(1, version.name, "a test")


def train_and_judge(rooms, folder, snapshot, champion=BAD, candidate=GOOD, *, least_images=10, **more):
    """Judge a training that was cut off after its candidate was registered; return the rooms and the training."""
    gate = replace(rooms.gate.policy, least_images=least_images)
    detectors = EvaluatedDetectors({OLD: champion, NEW: candidate}, **more)
    rooms = swap(
        rooms, (rooms.registry.detectors, detectors), (rooms.gate.evaluator, detectors), (rooms.gate.policy, gate)
    )
    if rooms.registry.versions.champion(1) is None and champion is not None:
        serve(rooms, add(rooms, folder, OLD))
    training = rooms.trainings.store.ask(1, "a test")
    rooms.trainings.store.note(training.id, snapshot=snapshot.hash)
    add(rooms, folder, NEW, snapshot, training)
    retrain(rooms.trainings, 1)
    return rooms, rooms.trainings.store.last(1)[0]


HOSTILE_CLASSES = ("Bird", "<b>Cattle</b>", "Fish & chips")
REPORTED = evaluation(30, HOSTILE_CLASSES)
REPORTED_CANDIDATE = harm(REPORTED, 0.3, seed=1)


def gate_report(champion=REPORTED, candidate=REPORTED_CANDIDATE, **more):
    """A report of the gate, with two pictures of images fixed and two of images broken."""
    comparison = contrast(champion, candidate, known=champion.images[:20], latency=Latency(10.0, 11.0))
    jpeg = picture()
    pictures = []
    for mistakes in [*list_fixed(comparison.mistakes)[:2], *list_broken(comparison.mistakes)[:2]]:
        truth, before = list_boxes(champion, mistakes.image, champion.shown(0.25))
        _, after = list_boxes(candidate, mistakes.image, candidate.shown(0.25))
        pictures.append(Picture(mistakes, jpeg, 64, 48, truth, before, after))
    made = {
        "project_id": 1,
        "champion": ComparedVersion("yolo_detector@1.0.0", "a" * 64, "5" * 64),
        "candidate": ComparedVersion("yolo_detector@1.1.0", "b" * 64, "6" * 64),
        "snapshot": "6" * 64,
        "made_at": datetime(2026, 1, 1, tzinfo=UTC),
        "thresholds": (0.25, 0.25),
        "policy": GatePolicy(),
        "comparison": comparison,
        "ruling": rule(comparison, GatePolicy()),
        "pictures": tuple(pictures),
    }
    return GateReport(**{**made, **more})
