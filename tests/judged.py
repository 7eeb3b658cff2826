"""A project whose newest training is judged on planted evaluations, through the real records."""

from dataclasses import replace

from loop.datasets.snapshots import LabelledImage
from loop.datasets.splits import Side
from loop.datasets.writer import writing
from loop.label_studio.classes import Labels
from loop.registry.store import Facts
from loop.training.retrain import retrain
from loop.vision.image_files import prepare_file
from scripts.bench.harmed_evaluations import harmed
from tests.builders import picture, region
from tests.evaluations import evaluation
from tests.fakes import PlantedDetectors

GOOD = evaluation(12)
BAD = harmed(GOOD, 0.7, seed=1)
OLD, NEW = b"champion", b"candidate"


def write_snapshot(parts, folder, held_out):
    """A dataset of held-out images that are named as the evaluations name theirs, and one to train on."""
    (folder / "image.jpg").write_bytes(picture())
    labels = Labels.of(["Car"])
    sides = dict(enumerate([Side.HELD_OUT] * held_out + [Side.TRAIN]))
    with writing(parts.snapshots / "1") as draft:
        items = [LabelledImage(number, "", (region(),)) for number in sides]
        draft.add(items, labels, lambda item: prepare_file(folder / "image.jpg", item.image, 1_000_000, folder))
        return draft.finish(sides, labels)


def add(parts, folder, weights, snapshot=None, training=None):
    (folder / "weights.pt").write_bytes(weights)
    champion = parts.registry.champion(1)
    made_by = {"training": training.id, "batch": 4} if training else {}
    facts = Facts(
        snapshot=snapshot.hash if snapshot else None, parent=champion.name if champion else None, training=made_by
    )
    return parts.registry.add(1, folder / "weights.pt", facts)


def serve(parts, version):
    parts.registry.promote(1, version.name, "a test")


def judge(parts, folder, snapshot, champion=BAD, candidate=GOOD, *, least_images=10, **more):
    """Judge a training that was cut off after its candidate was registered; return the parts and the training."""
    gate = replace(parts.policies.gate, least_images=least_images)
    detectors = PlantedDetectors({OLD: champion, NEW: candidate}, **more)
    parts = replace(parts, detectors=detectors, evaluator=detectors, policies=replace(parts.policies, gate=gate))
    if parts.registry.champion(1) is None and champion is not None:
        serve(parts, add(parts, folder, OLD))
    training = parts.trainings.ask(1, "a test")
    parts.trainings.note(training.id, snapshot=snapshot.hash)
    add(parts, folder, NEW, snapshot, training)
    retrain(parts, 1)
    return parts, parts.trainings.last(1)[0]
