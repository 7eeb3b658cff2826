"""Checks of the CUDA graphs by which detectors serve on a GPU."""

from __future__ import annotations

import gc
import itertools
import threading
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

import numpy as np

from loop.errors import DetectionFailed, DetectorBroken
from loop.regions import Pixels
from loop.vision.network.gpu_passes import GpuPasses
from scripts.gpu_check.subject import GIB, Subject
from scripts.gpu_check.timing import FLOOR, are_equal, measure_threads, median_ms, time_of

SIZES = (320, 640)  # pixels
SIZE, STRIDE = 640, 32
PLANS = ("yolov8n.yaml", "yolo11s.yaml", "yolo12n.yaml", "yolo26n.yaml")
SHAPES = [(side, SIZE, 3) for side in range(STRIDE, SIZE + 1, STRIDE)]
SHAPES += [(SIZE, side, 3) for side in range(STRIDE, SIZE, STRIDE)]


def threads(subject: Subject) -> dict[str, Any]:
    """Milliseconds of an image, and images a second from threads that share a detector; with and without graphs."""
    answer = {}
    for size in SIZES:
        plain = subject.detector(image_size=size)
        plain._gpu_passes = None
        for name, rival in (("as it serves", subject.detector(image_size=size)), ("torch alone", plain)):
            rates = measure_threads(rival, subject.images)
            seconds = [time_of(partial(rival.detect, [image], FLOOR)) for image in subject.images]
            answer[f"{size} {name}"] = {"one_ms": median_ms(seconds), "images_a_second": rates}
    return answer


def heads(subject: Subject) -> dict[str, Any]:
    """Whether networks of several kinds, with random weights, can be captured, and give an equal output."""
    if not subject.is_cuda:
        return {"skipped": "no card"}
    import torch
    from ultralytics import YOLO

    pixels, answer = np.random.default_rng(SIZE).integers(0, 255, (SIZE, 480, 3), np.uint8), {}
    for plan in PLANS:
        torch.manual_seed(0)
        network = YOLO(plan, task="detect").model
        head = network.model[-1]
        head.end2end = getattr(head, "one2one_cv2", None) is not None
        passes = GpuPasses(network.to("cuda").fuse(verbose=False).eval())
        outputs = [passes.infer(pixels) for _ in range(4)]
        answer[plan] = {"captured": passes._may_capture, "equal": are_equal(outputs[1:], outputs[:1] * 3)}
    return answer


def graphs(subject: Subject) -> dict[str, Any]:
    """Graphs for all shapes of input, made while other threads detect and load: milliseconds, memory, equality."""
    if not subject.is_cuda:
        return {"skipped": "no card"}
    rng = np.random.default_rng(SIZE)
    inputs = [rng.integers(0, 255, shape, np.uint8) for shape in SHAPES]
    plain = _passes(subject)
    plain._may_capture = False
    wanted, passes = [plain.infer(pixels) for pixels in inputs], _passes(subject)
    free = [_free(subject)]
    alone = _pass_in_rounds(passes, inputs, wanted)
    free.append(_free(subject))
    passes._recordings.clear()
    free.append(_free(subject))
    passes, stop = _passes(subject), threading.Event()
    with ThreadPoolExecutor(2) as pool:
        others = [pool.submit(_disturb, subject, stop, is_loading=is_loading) for is_loading in (False, True)]
        try:
            beside = _pass_in_rounds(passes, inputs, wanted)
        finally:
            stop.set()
    return {
        "shapes": len(SHAPES),
        "gib_of_graphs_and_after": [round((free[0] - now) / GIB, 3) for now in free[1:]],
        "alone": alone,
        "beside_others": beside,
        "still_captures": passes._may_capture,
        "others": [other.result() for other in others],
    }


def full_card(subject: Subject) -> dict[str, Any]:
    """Serving while the card is full: shapes with graphs, another shape, once more when it is fuller, and with room."""
    import torch

    if not subject.is_cuda:
        return {"skipped": "no card"}
    detectors, images = subject.rooms.registry.detectors, subject.images[:5]
    detector: Any = detectors.load(subject.weights)
    other = [np.ascontiguousarray(images[0][: images[0].shape[0] // 3])]
    wanted, *_ = [detector.detect(images, FLOOR) for _ in range(3)]
    hog = _fill_card()
    answer: dict[str, Any] = {"with_graphs": _attempt(detector, images, wanted)}
    answer["another_shape"] = _attempt(detector, other, None)
    answer["still_captures"] = bool(detector._gpu_passes._may_capture)
    hog += _fill_card()
    answer["fuller"] = _attempt(detector, images, wanted)
    hog.clear()
    torch.cuda.empty_cache()
    answer["with_room"] = _attempt(detector, images, wanted)
    loaded = detectors.load(subject.weights)
    again = [_attempt(loaded, images, wanted) for _ in range(3)]
    return {**answer, "loaded_again": loaded is not detector, "then": again}


def _attempt(detector: Any, images: Sequence[Pixels], wanted: Any) -> str:
    try:
        found = detector.detect(images, FLOOR)
    except (DetectionFailed, DetectorBroken) as error:
        return f"{type(error).__name__}: {error}"[:200]
    return "detected" if wanted is None else "the same" if found == wanted else "others"


def _passes(subject: Subject) -> GpuPasses:
    return GpuPasses(subject.detector(image_size=SIZE).network)


def _free(subject: Subject) -> int:
    """Return the bytes of the card that are free, when nothing is left over in torch."""
    import torch

    gc.collect()
    subject.reset_peak()
    return int(torch.cuda.mem_get_info()[0])


def _pass_in_rounds(passes: GpuPasses, inputs: Sequence[Pixels], wanted: Sequence[Any]) -> dict[str, Any]:
    """Pass all inputs three times: plainly, to capture, and by the captured graphs."""
    answer = {}
    for name in ("plain", "capture", "graph"):
        outputs, seconds = list[Any](), list[float]()
        for pixels in inputs:
            began = time.perf_counter()
            outputs.append(passes.infer(pixels))
            seconds.append(time.perf_counter() - began)
        answer[name] = {"ms": median_ms(seconds), "equal": are_equal(outputs, wanted)}
    return answer


def _disturb(subject: Subject, stop: threading.Event, *, is_loading: bool) -> dict[str, Any]:
    """Detect on images of all sizes, or load detectors, until *stop*; count, and keep errors."""
    detector, image, errors, count = subject.detector(image_size=SIZE), subject.images[0], list[str](), 0
    for count in itertools.count():
        if stop.is_set():
            break
        try:
            if is_loading:
                subject.detector(image_size=SIZE)
            else:
                detector.detect([np.ascontiguousarray(image[: 100 + 20 * (count % 10)])], FLOOR)
        except Exception as error:  # noqa: BLE001 (its error is the finding)
            errors.append(f"{type(error).__name__}: {error}"[:300])
    return {"loads" if is_loading else "images": count, "errors": errors[:3]}


def _fill_card() -> list[Any]:
    """Take all the memory of the card, down to pieces of 1 MB."""
    import torch

    hog, size = [], 2**33
    torch.cuda.empty_cache()
    while size >= 2**20:
        try:
            hog.append(torch.empty(size, dtype=torch.uint8, device="cuda"))
        except torch.OutOfMemoryError:
            size //= 2
    return hog
