"""Evaluations made up from nothing, for tests of what is computed from them."""

import numpy as np

from loop.gate.evaluation import IOUS, Evaluation, Found, Labels, Metrics
from loop.gate.true_positives import matched

CLASSES = ("Bird", "Cattle", "Fish")


def evaluation(images=40, classes=CLASSES, boxes=3, false=2, found=0.85, spread=0.06, seed=0):
    """
    A detector that finds a share *found* of the labels, off by *spread* of their size, and *false* wrong ones an image.

    The labels depend on the numbers of images, classes and boxes alone.
    """
    truth, rng = np.random.default_rng(1), np.random.default_rng(seed)
    of_label = np.repeat(np.arange(images, dtype=np.int32), boxes)
    label_class = truth.integers(0, len(classes), len(of_label)).astype(np.int32)
    label_box = _boxes(truth, len(of_label))
    kept = rng.random(len(of_label)) < found
    wrong = np.repeat(np.arange(images, dtype=np.int32), false)
    image = np.concatenate([of_label[kept], wrong])
    near = label_box[kept] + rng.normal(0, spread, (kept.sum(), 4)) * 0.2
    order = np.argsort(image, kind="stable")
    detections = Found(
        image=image[order],
        class_id=np.concatenate([label_class[kept], rng.integers(0, len(classes), len(wrong))])[order].astype(np.int32),
        box=np.concatenate([near, _boxes(rng, len(wrong))])[order].astype(np.float32),
        confidence=np.concatenate([rng.uniform(0.3, 1, kept.sum()), rng.uniform(0, 0.6, len(wrong))])[order].astype(
            "f4"
        ),
        hits=np.zeros((len(image), IOUS), bool),
    )
    labels = Labels(of_label, label_class, label_box.astype(np.float32))
    names = tuple(f"task-{number:08d}" for number in range(images))
    return matched(Evaluation(tuple(classes), names, labels, detections, Metrics(0.5, 0.3, images, len(of_label))))


def _boxes(rng, count):
    corner = rng.uniform(0, 0.8, (count, 2))
    return np.concatenate([corner, corner + 0.2], axis=1)
