"""A YOLO detector, through ultralytics."""

from __future__ import annotations

import statistics
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from loop.adapters import evaluator
from loop.adapters.probe import probe
from loop.adapters.ultralytics_setup import class_names, prepare_ultralytics, threads
from loop.decisions.evaluation import Evaluation, Metrics
from loop.decisions.regions import Box, Detection, Pixels
from loop.errors import UpstreamError

BATCH = 8
WARM_UP = 3  # images that are not timed


class Detector:
    """Weights in memory. One image set at a time goes through: ultralytics' predictor keeps state between calls."""

    def __init__(self, weights: Path, *, device: str = "", image_size: int = 640) -> None:
        prepare_ultralytics()
        from ultralytics import YOLO

        self._model = YOLO(str(weights), task="detect")
        self._options = {"imgsz": image_size, "device": device or None, "verbose": False, "max_det": 300}
        self._lock = threading.Lock()
        self.class_names = class_names(self._model)
        self._warm_up(image_size)

    def detect(self, images: Sequence[Pixels], floor: float) -> list[list[Detection]]:
        """
        Detect on BGR images, uint8 (height, width, 3) of any size; every detection of at least *floor* confidence.

        Returns one list an image, most confident first.
        """
        found: list[list[Detection]] = []
        for start in range(0, len(images), BATCH):
            batch = list(images[start : start + BATCH])
            with self._lock:
                results = self._model.predict(batch, conf=floor, **self._options)
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

    def _warm_up(self, image_size: int) -> None:
        """Let ultralytics set itself up now; it leaves torch with fewer threads than there are cores."""
        import torch

        self._model.predict([np.zeros((image_size, image_size, 3), np.uint8)], conf=0.99, **self._options)
        torch.set_num_threads(threads())


class Detectors:
    """Loads and measures detectors, and finds the weights that a project starts from."""

    def __init__(self, device: str, image_size: int, base: str, downloads: Path) -> None:
        self._device, self._image_size, self._base, self._downloads = device, image_size, base, downloads

    def load(self, weights: Path, image_size: int | None = None) -> Detector:
        """Bring weights into memory, to detect at *image_size* pixels, or at that of the settings."""
        return Detector(weights, device=self._device, image_size=image_size or self._image_size)

    def probe(self, weights: Path, pickle_sha256: str, image_size: int) -> tuple[str, ...]:
        """Load weights from elsewhere once, in a process of their own; return their classes. Raises ArchiveRefused."""
        return probe(weights, pickle_sha256, image_size)

    def measure(self, weights: Path, data: Path) -> Metrics:
        """Measure weights on the held-out side of a dataset."""
        return self.evaluate(weights, data).metrics

    def evaluate(self, weights: Path, data: Path) -> Evaluation:
        """Run weights on the held-out side of a dataset, and keep what they did on each image."""
        return evaluator.evaluate(weights, data, image_size=self._image_size, device=self._device)

    def latencies(self, weights: Sequence[Path], images: Sequence[Path], times: int = 20) -> list[float]:
        """
        Median milliseconds an image of each of the weights, as they serve.

        They take turns, image by image, so that a machine that is busy for a while is so for all of them.
        """
        detectors = [self.load(path) for path in weights]
        spent: list[list[float]] = [[] for _ in detectors]
        for path in [*images[:WARM_UP], *(images[n % len(images)] for n in range(times))]:
            pixels = np.ascontiguousarray(np.asarray(Image.open(path).convert("RGB"))[:, :, ::-1])
            for detector, mine in zip(detectors, spent, strict=True):
                started = time.perf_counter()
                detector.detect([pixels], floor=0.05)
                mine.append(1000 * (time.perf_counter() - started))
        return [statistics.median(mine[-times:]) for mine in spent]

    def base(self) -> Path:
        """
        The weights that a project starts from. Raises UpstreamError where they are not here and cannot be had.

        A path is taken as it is; a name that ultralytics publishes, such as `yolo11n.pt`, is downloaded once.
        """
        here = self.base_if_here()
        if here:
            return here
        given = Path(self._base)
        if given.parent != Path():
            raise UpstreamError(f"LOOP_BASE_WEIGHTS: there is no file {given}")
        return _download(self._downloads / given.name)

    def base_if_here(self) -> Path | None:
        """The same without a download: None where they would have to be downloaded."""
        places = (Path(self._base), self._downloads / Path(self._base).name)
        return next((place for place in places if place.is_file()), None)


def _download(target: Path) -> Path:
    """Fetch published weights: the only download there is."""
    prepare_ultralytics()
    from ultralytics.utils.downloads import attempt_download_asset

    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        attempt_download_asset(str(target))
    except (OSError, RuntimeError) as error:  # every failure of its HTTP clients is one of these
        raise UpstreamError(f"could not download {target.name}: {error}") from error
    if not target.exists():
        raise UpstreamError(f"could not download {target.name}: set LOOP_BASE_WEIGHTS to a local file")
    return target
