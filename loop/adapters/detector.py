"""A YOLO detector, through ultralytics."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from loop.adapters.ultralytics_setup import threads
from loop.adapters.weights_loading import class_names, open_model, trained_size, use_device
from loop.decisions.faults import told
from loop.decisions.regions import Box, Detection, Pixels
from loop.errors import DetectionFailed, DetectorBroken, WeightsRefused

BATCH = 8
ADVICE = "set LOOP_DEVICE=cpu, lower LOOP_IMAGE_SIZE, or use a smaller model"


class Detector:
    """Weights in memory. One image set at a time goes through: ultralytics' predictor keeps state between calls."""

    def __init__(self, weights: Path, *, device: str = "", image_size: int | None = None) -> None:
        """
        Load weights and detect once, on nothing; without *image_size* at the size that they were trained at.

        Raises WeightsRefused, and PayloadError for a device that is not here.
        """
        use_device(device)
        self._model = open_model(weights)
        self.image_size = image_size or trained_size(self._model)
        self._options = {"imgsz": self.image_size, "device": device or None, "verbose": False, "max_det": 300}
        self._lock = threading.Lock()
        self.class_names = class_names(self._model)
        try:
            self._warm_up()
        except Exception as error:
            raise WeightsRefused(weights, f"loaded but detects nothing here ({told(error)})", ADVICE) from error

    def detect(self, images: Sequence[Pixels], floor: float) -> list[list[Detection]]:
        """
        Detect on BGR images, uint8 (height, width, 3) of any size; every detection of at least *floor* confidence.

        Returns one list an image, most confident first. Raises DetectionFailed, DetectorBroken.
        """
        found: list[list[Detection]] = []
        for start in range(0, len(images), BATCH):
            batch = list(images[start : start + BATCH])
            with self._lock:
                try:
                    results = self._model.predict(batch, conf=floor, **self._options)
                except Exception as error:
                    raise self._failure(error) from error
            found += [self._read(result.boxes) for result in results]
        return found

    def watch(self, seen: Callable[[list[Any]], None]) -> None:
        """Have *seen* given the feature maps of every pass from now on: P3, P4, P5, each (images, channels, y, x)."""
        from ultralytics.nn.modules.head import Detect

        network = self._model.predictor.model.model  # the fused one that predicts, inside its backend
        head = next(module for module in network.modules() if isinstance(module, Detect))
        head.register_forward_pre_hook(lambda _, inputs: seen(list(inputs[0])))

    def _read(self, boxes: object) -> list[Detection]:
        corners, confidences, class_ids = (getattr(boxes, name).cpu().numpy() for name in ("xyxyn", "conf", "cls"))
        detections = [
            Detection(
                Box(*(float(side) for side in corner)).clipped(), self.class_names[int(class_id)], float(confidence)
            )
            for corner, confidence, class_id in zip(corners, confidences, class_ids, strict=True)
        ]
        return sorted(detections, key=lambda detection: -detection.confidence)

    def _failure(self, error: Exception) -> DetectionFailed | DetectorBroken:
        """Whether an error was the image's: then there is none on an empty image."""
        try:
            self._warm_up()
        except Exception:  # noqa: BLE001 (whatever torch raises; the first error says more)
            return DetectorBroken(told(error))
        return DetectionFailed(f"the detector failed on it: {told(error)}")

    def _warm_up(self) -> None:
        """Let ultralytics set itself up now; it leaves torch with fewer threads than there are cores."""
        import torch

        self._model.predict([np.zeros((self.image_size, self.image_size, 3), np.uint8)], conf=0.99, **self._options)
        torch.set_num_threads(threads())
