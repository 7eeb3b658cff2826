"""Checks of serving and embedding on the device."""

from __future__ import annotations

import statistics
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

import numpy as np

from loop.regions import Detection, Pixels
from scripts.gpu_check.subject import Subject
from scripts.gpu_check.timing import FLOOR, time_of

PLACE, CONFIDENCE = 0.0002, 0.0002  # by which boxes on two devices may differ: two steps of their rounding
SEED, LARGE = 11, (8000, 6000)  # width, height in pixels


def same_boxes(subject: Subject) -> dict[str, Any]:
    """The boxes on this device beside those on the CPU."""
    return compare(*(subject.detector(device).detect(subject.images, FLOOR) for device in ("cpu", None)))


def compare(ours: Sequence[Sequence[Detection]], theirs: Sequence[Sequence[Detection]]) -> dict[str, Any]:
    """Pair detections of one class by the largest IoU, and describe their differences."""
    places, confidences, alone, shown = [0.0], [0.0], [], 0
    for first, second in zip(ours, theirs, strict=True):
        rest = list(second)
        shown += len(first)
        for detection in first:
            rivals = [candidate for candidate in rest if candidate.class_name == detection.class_name]
            best = max(rivals, key=lambda candidate: candidate.box.iou(detection.box), default=None)
            if best is None or best.box.iou(detection.box) < 0.5:
                alone.append(detection.confidence)
                continue
            rest.remove(best)
            places.append(max(abs(a - b) for a, b in zip(_corners(best), _corners(detection), strict=True)))
            confidences.append(abs(best.confidence - detection.confidence))
        alone += [detection.confidence for detection in rest]
    is_equal = max(places) <= PLACE and max(confidences) <= CONFIDENCE and max(alone, default=0) <= FLOOR + CONFIDENCE
    return {
        "within_tolerance": is_equal,
        "boxes": shown,
        "most_place": max(places),
        "most_confidence": round(max(confidences), 5),
        "alone": sorted(alone, reverse=True)[:5],
    }


def _corners(detection: Detection) -> tuple[float, float, float, float]:
    box = detection.box
    return box.x0, box.y0, box.x1, box.y1


def neighbours(subject: Subject) -> dict[str, Any]:
    """Whether an image has the same boxes alone, among others, in another order, and in four threads at once."""
    detector, images = subject.detector(), [*subject.images, *_large_images(2)]
    alone = [detector.detect([image], FLOOR)[0] for image in images]
    with ThreadPoolExecutor(4) as pool:
        threads = list(pool.map(lambda image: detector.detect([image], FLOOR)[0], images))
    reverse = detector.detect(images[::-1], FLOOR)[::-1]
    again = subject.detector().detect(images, FLOOR)
    return {
        "among_others": detector.detect(images, FLOOR) == alone,
        "in_reverse": reverse == alone,
        "in_threads": threads == alone,
        "loaded_again": again == alone,
    }


def speed(subject: Subject) -> dict[str, Any]:
    """Images a second: a request of one, of all, from four threads; and the memory of the card."""
    detector, images = subject.detector(), (subject.images * 3)[:200]
    subject.reset_peak()
    detector.detect(images[:20], FLOOR)
    durations = [time_of(partial(detector.detect, [image], FLOOR)) for image in images]
    request = len(images) / time_of(lambda: detector.detect(images, FLOOR))
    with ThreadPoolExecutor(4) as pool:
        threads = len(images) / time_of(lambda: list(pool.map(lambda image: detector.detect([image], FLOOR), images)))
    return {
        "one_p50_ms": round(1000 * statistics.median(durations), 2),
        "request_images_a_second": round(request, 1),
        "four_threads_images_a_second": round(threads, 1),
        **subject.memory(),
    }


def embeddings(subject: Subject) -> dict[str, Any]:
    """Vectors of the boxes on this device beside those on the CPU, and crops a second."""
    boxes = [[box for _, box in scene.objects] for scene in subject.scenes]
    vectors, rates = [], []
    for device in ("cpu", subject.options.device):
        embedder = _embedder(subject, device)
        embedder.embed(subject.images[:5], boxes[:5])
        began = time.perf_counter()
        vectors.append(np.concatenate(embedder.embed(subject.images, boxes)))
        rates.append(round(len(vectors[-1]) / (time.perf_counter() - began), 1))
    cosine = (vectors[0] * vectors[1]).sum(axis=1)
    return {"least_cosine": float(cosine.min()), "crops_a_second": {"cpu": rates[0], subject.options.device: rates[1]}}


def _embedder(subject: Subject, device: str) -> Any:
    from loop.vision.embedders import Embedders

    embedders = Embedders("yolo:", device, subject.options.image_size)
    space = embedders.space("a version", subject.weights)
    assert space is not None
    return embedders.load(space, subject.weights)


def large_images(subject: Subject) -> dict[str, Any]:
    """A request of many large images: memory stays that of one."""
    detector, images = subject.detector(), _large_images(24)
    subject.reset_peak()
    seconds = time_of(lambda: detector.detect(images, FLOOR))
    return {"images": len(images), "images_a_second": round(len(images) / seconds, 1), **subject.memory()}


def _large_images(count: int) -> list[Pixels]:
    rng = np.random.default_rng(SEED)
    small = rng.integers(0, 255, (LARGE[1] // 100, LARGE[0] // 100, 3), np.uint8)
    image = np.ascontiguousarray(np.kron(small, np.ones((100, 100, 1), np.uint8)))
    return [image] * count
