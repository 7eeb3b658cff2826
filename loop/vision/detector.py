"""A YOLO detector, through ultralytics."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from loop.errors import DetectionFailed, DetectorBroken, WeightsRefused
from loop.failures import told
from loop.regions import Box, Detection, Pixels
from loop.vision.ultralytics_setup import repeat_arithmetic
from loop.vision.weights_loading import class_names, open_model, trained_size, use_device

ADVICE = "set LOOP_DEVICE=cpu, lower LOOP_IMAGE_SIZE, or use a smaller model"
DECIMALS = 4  # of boxes, in fractions of the image, and of confidences; float32 noise is a thousandth of that
MOST = 300  # detections on an image


@dataclass(frozen=True, slots=True, eq=False)
class Detected:
    """What the network detects on one image, most confident first; boxes are `xyxy` in fractions of the image."""

    box: NDArray[np.float64]  # (detections, 4)
    class_id: NDArray[np.int64]
    confidence: NDArray[np.float64]


class Detector:
    """
    Weights in memory. The same weights detect the same on an image, to the bit, in every process of a machine.

    Every image goes through the network alone. In a batch, ultralytics would pad it to the shape of the others, and the
    arithmetic has other last bits. Boxes and confidences are rounded, because another number of threads, or a GPU, may
    still change those. Safe to share between threads.
    """

    def __init__(self, weights: Path, *, device: str = "", image_size: int | None = None) -> None:
        """
        Load weights and detect once, on nothing; without *image_size* at the size that they were trained at.

        Raises WeightsRefused, and PayloadError for a device that is not here.
        """
        use_device(device)
        self._model = open_model(weights)
        self.image_size = image_size or trained_size(self._model)
        self._lock = threading.Lock()
        self.class_names = class_names(self._model)
        try:
            self._set_up(device)
        except Exception as error:
            raise WeightsRefused(weights, f"loaded but detects nothing here ({told(error)})", ADVICE) from error

    def detect(self, images: Sequence[Pixels], floor: float) -> list[list[Detection]]:
        """
        Detect on BGR images, uint8 (height, width, 3) of any size; every detection of at least *floor* confidence.

        Returns one list an image, most confident first. Raises DetectionFailed, DetectorBroken.
        """
        return [self._detections(self.look(image, floor)) for image in images]

    def look(self, image: Pixels, floor: float, *, is_multi_label: bool = False) -> Detected:
        """
        Detect on one image. A box has its best class alone, or, where *is_multi_label*, every class it may have.

        Raises DetectionFailed, DetectorBroken.
        """
        with self._lock:
            try:
                rows = self._rows(image, floor, is_multi_label=is_multi_label)
            except Exception as error:
                raise self._failure(error) from error
        return _rounded(rows, image, floor)

    def watch(self, seen: Callable[[list[Any]], None]) -> None:
        """Have *seen* given the feature maps of every image from now on: P3, P4, P5, each (1, channels, y, x)."""
        from ultralytics.nn.modules.head import Detect

        network = self._model.predictor.model.model  # the fused one that predicts, inside its backend
        head = next(module for module in network.modules() if isinstance(module, Detect))
        head.register_forward_pre_hook(lambda _, inputs: seen(list(inputs[0])))

    def _rows(self, image: Pixels, floor: float, *, is_multi_label: bool) -> NDArray[np.float64]:
        """`xyxy` in pixels, confidence and class id of each detection, (detections, 6)."""
        import torch
        from ultralytics.utils import nms, ops

        predictor = self._model.predictor
        repeat_arithmetic()
        with torch.inference_mode():
            pixels = predictor.preprocess([image])
            (rows,) = nms.non_max_suppression(
                predictor.inference(pixels),
                max(0.0, floor - 10**-DECIMALS),  # a confidence that rounding lifts to the floor counts
                predictor.args.iou,
                multi_label=is_multi_label,
                max_det=MOST,
                end2end=predictor.model.end2end,
            )
            rows[:, :4] = ops.scale_boxes(pixels.shape[2:], rows[:, :4], image.shape)
            found: NDArray[np.float64] = rows[:, :6].cpu().numpy().astype(np.float64)
        return found

    def _detections(self, detected: Detected) -> list[Detection]:
        columns = detected.box.tolist(), detected.class_id.tolist(), detected.confidence.tolist()
        return [
            Detection(Box(*box), self.class_names[class_id], confidence)
            for box, class_id, confidence in zip(*columns, strict=True)
        ]

    def _failure(self, error: Exception) -> DetectionFailed | DetectorBroken:
        """Whether an error was the image's: then there is none on an empty image."""
        try:
            self._rows(self._nothing(), 1.0, is_multi_label=False)
        except Exception:  # noqa: BLE001 (whatever torch raises; the first error says more)
            return DetectorBroken(told(error))
        return DetectionFailed(f"the detector failed on it: {told(error)}")

    def _set_up(self, device: str) -> None:
        """Let ultralytics make its predictor, which fuses the network, and import what it does at a first image."""
        options = {"imgsz": self.image_size, "device": device or None, "verbose": False, "max_det": MOST}
        self._model.predict([self._nothing()], conf=0.99, **options)

    def _nothing(self) -> Pixels:
        return np.zeros((self.image_size, self.image_size, 3), np.uint8)


def _rounded(rows: NDArray[np.float64], image: Pixels, floor: float) -> Detected:
    """Round boxes and confidences, and put them in an order that depends on them alone."""
    height, width = image.shape[:2]
    box = np.round(rows[:, :4] / [width, height, width, height], DECIMALS).clip(0.0, 1.0) + 0.0  # no -0.0
    confidence, class_id = np.round(rows[:, 4], DECIMALS), rows[:, 5].astype(np.int64)
    order = np.lexsort((*box.T, class_id, -confidence))
    order = order[confidence[order] >= floor]
    return Detected(box[order], class_id[order], confidence[order])
