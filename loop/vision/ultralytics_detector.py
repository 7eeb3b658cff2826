"""A YOLO detector, through ultralytics."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from loop.errors import WeightsRefused
from loop.failures import describe_error
from loop.regions import Pixels
from loop.vision.detector import ADVICE, MOST_DETECTIONS, RuntimeDetector, least_before_rounding
from loop.vision.network.gpu_passes import DEVICE_LOCK, GpuPasses
from loop.vision.network.letterbox import Letterbox
from loop.vision.network.suppression import suppress
from loop.vision.ultralytics_setup import repeat_arithmetic
from loop.vision.ultralytics_weights import check_device, class_names, open_model, trained_size


class UltralyticsDetector(RuntimeDetector):
    """
    Weights in memory. The same weights detect the same on an image, to the bit, in every process of a machine.

    Every image goes through the network alone: in a batch, ultralytics would pad it to the shape of the others, which
    changes the last bits of the results. Boxes and confidences are rounded, because another number of threads, or a
    GPU, may still change their last bits. Threads can share a detector.
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
        self._gpu_passes: GpuPasses | None = None
        self.class_names = class_names(self._model)
        try:
            self._set_up(device)
        except Exception as error:
            kind = f"loaded but detects nothing here ({describe_error(error)})"
            raise WeightsRefused(weights, kind, ADVICE) from error

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

        self._gpu_passes = None  # a CUDA graph calls nobody
        head = next(module for module in self.network.modules() if isinstance(module, Detect))
        head.register_forward_pre_hook(lambda _, inputs: receive(list(inputs[0])))

    def _rows(self, image: Pixels, floor: float, *, is_multi_label: bool) -> NDArray[np.float64]:
        if self._gpu_passes:
            return self._rows_by(self._gpu_passes, image, floor, is_multi_label=is_multi_label)
        import torch
        from ultralytics.utils import ops

        predictor = self._model.predictor
        with self._lock, torch.inference_mode():
            repeat_arithmetic()
            pixels = predictor.preprocess([image])
            answer = predictor.inference(pixels)
            output = answer[0] if isinstance(answer, torch.Tensor) else answer[0][0]
            rows = torch.from_numpy(self._choose(output.cpu().numpy(), floor, is_multi_label=is_multi_label))
            rows[:, :4] = ops.scale_boxes(pixels.shape[2:], rows[:, :4], image.shape)
        array: NDArray[np.float64] = rows.numpy().astype(np.float64)
        return array

    def _rows_by(self, passes: GpuPasses, image: Pixels, floor: float, *, is_multi_label: bool) -> NDArray[np.float64]:
        """Return the detections; all but the network runs on the CPU, for several threads at once."""
        predictor = self._model.predictor
        place = Letterbox.of(image, max(predictor.imgsz), predictor.model.stride)
        rows = self._choose(passes.infer(place.scale(image)), floor, is_multi_label=is_multi_label)
        place.scale_back(rows, image)
        return rows.astype(np.float64)

    def _choose(self, output: NDArray[np.float32], floor: float, *, is_multi_label: bool) -> NDArray[np.float32]:
        """Return the detections in the output for an image, in pixels of the input."""
        least = least_before_rounding(floor)
        if self.is_end_to_end:
            return output[output[:, 4] > least][:MOST_DETECTIONS, :6]
        return suppress(output, least, MOST_DETECTIONS, is_multi_label=is_multi_label)

    def _set_up(self, device: str) -> None:
        """Have ultralytics make its predictor, which fuses the network, and do its imports of a first image."""
        options = {"imgsz": self.image_size, "device": device or None, "verbose": False, "max_det": MOST_DETECTIONS}
        with DEVICE_LOCK:
            self._model.predict([self._empty_image()], conf=0.99, **options)
        if self._model.predictor.device.type == "cuda":
            self._gpu_passes = GpuPasses(self.network)
            self._rows(self._empty_image(), 1.0, is_multi_label=False)
