"""Checks of what would make serving on a GPU faster, and does not serve: half precision, batches of a fixed shape."""

from __future__ import annotations

import itertools
import statistics
import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np

from loop.gate.evaluate import evaluate
from loop.regions import Pixels
from loop.vision.detector import round_rows
from loop.vision.network.letterbox import GREY
from loop.vision.ultralytics_setup import repeat_arithmetic
from scripts.gpu_check.serving import compare
from scripts.gpu_check.subject import Subject
from scripts.gpu_check.timing import FLOOR, are_equal, measure_threads, median_ms, repeat, time_of
from scripts.gpu_check.trial import Bytes, GatheringDetector, Means, TrialDetector, choose

SIZES = (320, 640)  # pixels
BATCHES = (1, 4, 8, 16)
PRECISIONS = {
    "float": Means(),
    "half": Means(is_half=True, is_head_float=False),
    "half, float head": Means(is_half=True),
}


def stages(subject: Subject) -> dict[str, Any]:
    """Median milliseconds for an image by stage, as it serves; *outside* is the choice of boxes without torch."""
    import torch
    from ultralytics.utils import nms

    answer: dict[str, Any] = {}
    for size in SIZES:
        detector = subject.detector(image_size=size)
        predictor, trial = detector._model.predictor, TrialDetector(detector, size, Means())
        lists: dict[str, list[float]] = {}
        for image in repeat(subject.images):
            lap = partial(_lap, subject, lists)
            with torch.inference_mode():
                repeat_arithmetic()
                pixels = lap("pixels", partial(predictor.preprocess, [image]))
                output = lap("network", partial(predictor.inference, pixels))
                array = output[0][0].cpu().numpy()
                lap("nms", partial(nms.non_max_suppression, output, FLOOR, 0.7, max_det=300))
            place, _ = lap("letterbox outside", partial(trial.fill, image))
            lap("nms outside", partial(choose, place, array, image, FLOOR))
            lap("all", partial(detector.detect, [image], FLOOR))
        answer[str(size)] = {name: median_ms(seconds[10:]) for name, seconds in lists.items()}
    return answer


def half(subject: Subject) -> dict[str, Any]:
    """Boxes, mAP50-95 on the held-out split and speed in half precision, beside float32."""
    answer: dict[str, Any] = {}
    for size in SIZES:
        detector = subject.detector(image_size=size)
        serving = detector.detect(subject.images, FLOOR)
        rows: dict[str, Any] = {"as it serves": {"mAP50-95": evaluate(detector, subject.data).metrics.map50_95}}
        for name, means in PRECISIONS.items():
            trial = TrialDetector(detector, size, means)
            boxes = compare(serving, trial.detect(subject.images, FLOOR))
            seconds = [time_of(partial(trial.detect, [image], FLOOR)) for image in repeat(subject.images)]
            mean = {"mAP50-95": evaluate(trial, subject.data).metrics.map50_95, "p50_ms": median_ms(seconds)}
            rows[name] = {**mean, **boxes, **subject.memory()}
        answer[str(size)] = rows
    return answer


def micro_batches(subject: Subject) -> dict[str, Any]:
    """Images a second, milliseconds of one image, and equality, for batches of a fixed shape; see `_describe`."""
    answer: dict[str, Any] = {}
    means_of_running = (False, True) if subject.is_cuda else (False,)
    for size, is_half in itertools.product(SIZES, (False, True)):
        detector, plain = subject.detector(image_size=size), TrialDetector
        ones = plain(detector, size, Means(is_half=is_half))
        for batch, is_graph in itertools.product(BATCHES, means_of_running):
            trial = plain(detector, size, Means(is_half=is_half, is_graph=is_graph, batch=batch))
            eager = plain(detector, size, Means(is_half=is_half, batch=batch)) if is_graph else trial
            name = f"{size} {'half' if is_half else 'float'} {'graph' if is_graph else 'eager'} {batch}"
            try:
                answer[name] = _describe(trial, eager, ones, subject.images)
            except Exception as error:  # noqa: BLE001 (the other means still say something)
                answer[name] = f"failed: {type(error).__name__}: {error}"[:500]
    return answer


def _describe(trial: TrialDetector, eager: TrialDetector, ones: TrialDetector, images: Sequence[Pixels]) -> Any:
    """
    Speed of the network with the copies to and from the card, and whether its outputs are equal to the bit.

    Equal: an image in its place of the batch with grey ones in the other places, in other places beside other images,
    by eager torch in the same batch, in a batch of one; *other_boxes*: images whose rounded boxes differ from those in
    a batch of one.
    """
    filled = [(image, *trial.fill(image)) for image in images]
    filled = [row for row in filled if row[2].shape == filled[0][2].shape][:48]
    inputs, batch = [pixels for _, _, pixels in filled], trial.means.batch
    outputs, single = _infer(trial, inputs), _infer(ones, inputs)
    grey = np.full_like(inputs[0], GREY[0])
    in_place = [trial.infer([*[grey] * (n % batch), pixels])[-1] for n, pixels in enumerate(inputs)]
    moved = _infer(trial, [*inputs[1:], inputs[0]])
    boxes = [
        [round_rows(choose(place, output, image, FLOOR), image, FLOOR).box for output in pair]
        for (image, place, _), *pair in zip(filled, outputs, single, strict=True)
    ]
    return {
        "images_a_second": round(
            len(inputs) / statistics.median(time_of(partial(_infer, trial, inputs)) for _ in range(5))
        ),
        "one_ms": median_ms([time_of(partial(trial.infer, inputs[:1])) for _ in range(30)]),
        "alone": are_equal(outputs, in_place),
        "moved": are_equal(outputs, [moved[-1], *moved[:-1]]),
        "as_eager": are_equal(outputs, _infer(eager, inputs)),
        "as_one": are_equal(outputs, single),
        "other_boxes": sum(not np.array_equal(first, second) for first, second in boxes),
    }


def gathered(subject: Subject) -> dict[str, Any]:
    """Images a second from several threads, one by one and gathered into batches; letterbox and choice included."""
    answer = {}
    detector, is_graph = subject.detector(image_size=SIZES[-1]), subject.is_cuda
    for word, is_half in (("float", False), ("half", True)):
        for batch in BATCHES:
            make = GatheringDetector if batch > 1 else TrialDetector
            trial = make(detector, SIZES[-1], Means(is_half=is_half, is_graph=is_graph, batch=batch))
            answer[f"{word} {batch}"] = measure_threads(trial, subject.images)
            if isinstance(trial, GatheringDetector):
                trial.close()
    return answer


def _infer(trial: TrialDetector, inputs: Sequence[Bytes]) -> list[Any]:
    """Return the outputs for all inputs, in batches."""
    step = trial.means.batch
    return [output for n in range(0, len(inputs), step) for output in trial.infer(inputs[n : n + step])]


def _lap(subject: Subject, lists: dict[str, list[float]], name: str, work: Callable[[], Any]) -> Any:
    """Return the result of *work*, and add its seconds, to the end of its work on the card."""
    began = time.perf_counter()
    result = work()
    subject.synchronize()
    lists.setdefault(name, []).append(time.perf_counter() - began)
    return result
