"""A YOLO detector on a CPU, through OpenVINO."""

from __future__ import annotations

import sys
import threading
from functools import cache, partial
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from loop.errors import WeightsRefused
from loop.failures import describe_error
from loop.regions import Pixels
from loop.vision.cpu import model_file
from loop.vision.cpu.streams import InferStreams
from loop.vision.cpu.tuning import Tuning, default_tuning
from loop.vision.detector import ADVICE, MOST_DETECTIONS, RuntimeDetector, least_before_rounding
from loop.vision.network.letterbox import Letterbox
from loop.vision.network.suppression import suppress, take_best

_CORE_LOCK = threading.Lock()  # `cache` alone lets two threads make two
CONVERSIONS = threading.Lock()  # a conversion sets the level of all logs of the process, and later puts it back


class OpenVinoDetector(RuntimeDetector):
    """
    An exported detector in memory. The same file detects the same on an image, to the bit, in every process of a
    machine.

    Threads can share a detector: an image alone is worked on by all threads of its `tuning`. Several are by a share of
    them each, as many at once as the `tuning` says; the others wait.
    """

    def __init__(self, file: Path, *, image_size: int | None = None, tuning: Tuning | None = None) -> None:
        """
        Load an exported file and detect once, on an empty image; *image_size* is by default the size of the training.

        Raises WeightsRefused.
        """
        self.tuning = tuning or default_tuning()
        cv2.setNumThreads(0)  # as ultralytics does: threads for a scaling of a millisecond cost more than they save
        try:
            network, numbers, self._facts = model_file.read(file)
            self.image_size = image_size or self._facts.image_size
            self.class_names = self._facts.class_names
            self._streams = InferStreams(partial(_compile, network, numbers), self.tuning)
            self.at_once = self.tuning.at_once
            self._rows(self._empty_image(), 1.0, is_multi_label=False)
        except Exception as error:
            kind = f"an exported detector that detects nothing here ({describe_error(error)})"
            raise WeightsRefused(file, kind, ADVICE) from error

    def _rows(self, image: Pixels, floor: float, *, is_multi_label: bool) -> NDArray[np.float64]:
        stride = self._facts.stride
        place = Letterbox.of(image, -(-self.image_size // stride) * stride, stride)
        output, least = self._streams.infer(place.shape, partial(place.fill, image)), least_before_rounding(floor)
        if self._facts.is_end_to_end:
            rows = take_best(output, least, MOST_DETECTIONS)
        else:
            rows = suppress(output, least, MOST_DETECTIONS, is_multi_label=is_multi_label)
        place.scale_back(rows, image)
        return rows.astype(np.float64)


def prepare_openvino() -> None:
    """Keep OpenVINO off the network; call this before it is imported anywhere. By itself it reports conversions."""
    sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]  # importing it fails


def process_core() -> Any:
    """
    Return the OpenVINO of this process, which stays in memory.

    Its first compilation for a CPU gives its thread another stack for handlers of signals. OpenVINO frees this stack
    with the core, and the thread goes on using it where another thread frees the core, or where two cores overlap: its
    next signal kills the process.
    """
    with _CORE_LOCK:
        return _make_core()


@cache
def _make_core() -> Any:
    prepare_openvino()
    import openvino

    return openvino.Core()


def compile_network(network: Any, tuning: Tuning) -> Any:
    """
    Compile a network that `process_core` read, in float32, for a number of images at once and of threads.

    By itself OpenVINO computes in bfloat16 where the processor can, which moves boxes. Threads that are bound to cores
    would share the first cores with those of other processes.
    """
    options = {
        "INFERENCE_PRECISION_HINT": "f32",
        "EXECUTION_MODE_HINT": "ACCURACY",
        "PERFORMANCE_HINT": "LATENCY",
        "NUM_STREAMS": str(tuning.at_once),
        "INFERENCE_NUM_THREADS": str(tuning.threads),
        "ENABLE_CPU_PINNING": False,
    }
    return process_core().compile_model(network, "CPU", options)


def _compile(network: bytes, numbers: bytes, tuning: Tuning) -> Any:
    return compile_network(process_core().read_model(network, numbers), tuning)
