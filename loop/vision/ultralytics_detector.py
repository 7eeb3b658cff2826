"""A YOLO detector, through ultralytics."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from loop.errors import DetectionFailed, DetectorBroken, WeightsRefused
from loop.failures import describe_error
from loop.regions import Detection, Pixels
from loop.vision.detector import MOST_DETECTIONS, RawDetections, least_before_rounding, round_rows
from loop.vision.ultralytics_setup import repeat_arithmetic
from loop.vision.ultralytics_weights import check_device, class_names, open_model, trained_size

ADVICE = "set LOOP_DEVICE=cpu, lower LOOP_IMAGE_SIZE, or use a smaller model"


class UltralyticsDetector:
    """
    Weights in memory. The same weights detect the same on an image, to the bit, in every process of a machine.

    Every image goes through the network alone: in a batch, ultralytics would pad it to the shape of the others, which
    changes the last bits of the results. Boxes and confidences are rounded, because another number of threads, or a
    GPU, may still change their last bits. Threads can share a detector. *is_broken*: it detects on no image any more.
    """

    def __init__(self, weights: Path, *, device: str = "", image_size: int | None = None) -> None:
        """
        Load weights and detect once, on an empty image; the default *image_size* is the size of their training.

        Raises WeightsRefused, and PayloadError for a device that this machine lacks.
        """
        check_device(device)
        self._model = open_model(weights)
        self.trained_size = trained_size(self._model)
        self.image_size = image_size or self.trained_size
        self._lock = threading.Lock()
        self.is_broken = False
        self.class_names = class_names(self._model)
        try:
            self._set_up(device)
        except Exception as error:
            kind = f"loaded but detects nothing here ({describe_error(error)})"
            raise WeightsRefused(weights, kind, ADVICE) from error

    def detect(self, images: Sequence[Pixels], floor: float) -> list[list[Detection]]:
        """
        Detect on BGR images, uint8 (height, width, 3) of any size; every detection of at least *floor* confidence.

        Returns one list for each image, most confident first. Raises DetectionFailed, DetectorBroken.
        """
        return [self.look(image, floor).name(self.class_names) for image in images]

    def look(self, image: Pixels, floor: float, *, is_multi_label: bool = False) -> RawDetections:
        """
        Detect on one image. A box has its best class alone, or, with *is_multi_label*, every class it may have.

        Raises DetectionFailed, DetectorBroken.
        """
        with self._lock:
            try:
                rows = self._rows(image, floor, is_multi_label=is_multi_label)
            except Exception as error:
                raise self._failure(error) from error
        return round_rows(rows, image, floor)

    @property
    def network(self) -> Any:
        """The fused network that predicts, a torch module."""
        return self._model.predictor.model.model

    @property
    def is_end_to_end(self) -> bool:
        """Whether the head gives each object one box."""
        return bool(self._model.predictor.model.end2end)

    def watch(self, receive: Callable[[list[Any]], None]) -> None:
        """Call *receive* with the feature maps of every image from now on: P3, P4, P5, each (1, channels, y, x)."""
        from ultralytics.nn.modules.head import Detect

        head = next(module for module in self.network.modules() if isinstance(module, Detect))
        head.register_forward_pre_hook(lambda _, inputs: receive(list(inputs[0])))

    def _rows(self, image: Pixels, floor: float, *, is_multi_label: bool) -> NDArray[np.float64]:
        """Return `xyxy` in pixels, confidence and class id of each detection, (detections, 6)."""
        import torch
        from ultralytics.utils import nms, ops

        predictor = self._model.predictor
        repeat_arithmetic()
        with torch.inference_mode():
            pixels = predictor.preprocess([image])
            (rows,) = nms.non_max_suppression(
                predictor.inference(pixels),
                least_before_rounding(floor),
                predictor.args.iou,
                multi_label=is_multi_label,
                max_det=MOST_DETECTIONS,
                end2end=self.is_end_to_end,
            )
            rows[:, :4] = ops.scale_boxes(pixels.shape[2:], rows[:, :4], image.shape)
            array: NDArray[np.float64] = rows[:, :6].cpu().numpy().astype(np.float64)
        return array

    def _failure(self, error: Exception) -> DetectionFailed | DetectorBroken:
        """Return DetectionFailed where the detector still works on an empty image, else DetectorBroken."""
        try:
            self._rows(self._empty_image(), 1.0, is_multi_label=False)
        except Exception:  # noqa: BLE001 (torch may raise anything; the first error says more)
            self.is_broken = True
            return DetectorBroken(describe_error(error))
        return DetectionFailed(f"the detector failed on it: {describe_error(error)}")

    def _set_up(self, device: str) -> None:
        """Have ultralytics make its predictor, which fuses the network, and do its imports of a first image."""
        options = {"imgsz": self.image_size, "device": device or None, "verbose": False, "max_det": MOST_DETECTIONS}
        self._model.predict([self._empty_image()], conf=0.99, **options)

    def _empty_image(self) -> Pixels:
        return np.zeros((self.image_size, self.image_size, 3), np.uint8)
