"""Loads and times detectors, and has the weights that a project starts from."""

from __future__ import annotations

import gc
import statistics
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING
from weakref import WeakValueDictionary

from loop.storage.files import sha256_of
from loop.vision.cpu.model_file import SUFFIX
from loop.vision.cpu.tuning import Tuning
from loop.vision.start.start_weights import StartWeights
from loop.vision.tiling.tiled_detector import TiledDetector
from loop.vision.tiling.tiles import AS_TRAINED, Framing
from loop.vision.ultralytics_setup import is_on_cpu
from loop.vision.ultralytics_weights import check_device, first_device
from loop.vision.weights_kind import check_kind, is_prompted

if TYPE_CHECKING:
    from loop.registry.probe import ProbedWeights
    from loop.vision.detector import Detector, RuntimeDetector

WARM_UP = 3  # images that are not timed
EXPORT_SIZE = 64  # pixels; an export takes input of any size
AUTO, NONE = "auto", "none"  # values of LOOP_EXPORT


class Detectors:
    """Loads and times detectors; *start* finds the weights that a project starts from."""

    def __init__(
        self,
        device: str,
        image_size: int | None,
        base: str,
        downloads: Path,
        *,
        train: str = "",
        prompts: str = "",
        tuning: Tuning | None = None,
        export: str = AUTO,
    ) -> None:
        """
        *image_size*, in pixels of the longer side, is for weights without a size of their own; None: as trained.

        *base*, *train* and *prompts* say what a project starts from, see StartWeights; *downloads* is the folder for
        what is downloaded. *tuning* says how exports run on this machine; None: by the default. *export* is
        LOOP_EXPORT.
        """
        self._device, self._image_size = device, image_size
        self._tuning, self._export = tuning, export
        self.start = StartWeights(base, downloads, train, prompts)
        self._in_memory: WeakValueDictionary[tuple[str, int | None], RuntimeDetector] = WeakValueDictionary()
        self._loading = threading.Lock()
        self._kept: list[Detector] | None = None

    def check_device(self) -> None:
        """Raise PayloadError where this machine lacks a device of the settings."""
        check_device(self._device)

    def load(self, weights: Path, framing: Framing = AS_TRAINED) -> Detector:
        """
        Load weights into memory, to detect on images in their *framing*.

        *weights* are a `.pt` file or an export of one. The detector has detected once, on an empty image. All users of
        equal weights share one detector, which leaves the memory with its last user. Raises WeightsRefused, and
        PayloadError for LOOP_DEVICE.
        """
        size = self.serving_size(framing.image_size)
        with self._loading:
            key = (sha256_of(weights), size)
            detector = self._in_memory.get(key)
            if detector is None or detector.is_broken:
                gc.collect()  # a network refers to itself: one that nobody holds goes before another comes
                detector = self._in_memory[key] = self._load(weights, size)
            if self._kept is not None:
                self._kept.append(detector)
        return TiledDetector(detector, framing.tiling) if framing.tiling else detector

    @contextmanager
    def keep(self) -> Iterator[None]:
        """Keep all that is loaded in the block in memory until its end, so that nothing is loaded twice."""
        self._kept = []
        try:
            yield
        finally:
            self._kept = None

    def serving_size(self, image_size: int | None) -> int | None:
        """Return the size, in pixels, at which weights with an own *image_size* serve; None: as trained."""
        return image_size or self._image_size

    @property
    def device(self) -> str:
        """The device that trained weights detect on, as torch names it; empty: the best one."""
        return first_device(self._device)

    @property
    def serves_exports(self) -> bool:
        """Whether exports serve on this machine: it detects on a CPU, and LOOP_EXPORT does not say otherwise."""
        return self._export != NONE and is_on_cpu(self._device)

    @property
    def tries_8_bits(self) -> bool:
        """Whether exports in 8 bits are tried."""
        return self._export == AUTO

    def export(self, weights: Path, out: Path) -> None:
        """Export weights to a file that serves on a CPU. Raises WeightsRefused."""
        from loop.vision.cpu.export import export
        from loop.vision.ultralytics_detector import UltralyticsDetector

        check_kind(weights)
        export(UltralyticsDetector(weights, device="cpu", image_size=EXPORT_SIZE), out)

    def quantise(self, exported: Path, images: Sequence[Path], out: Path, image_size: int | None) -> None:
        """Make an export in 8 bits, calibrated on images, of an export. Raises WeightsRefused."""
        from loop.vision.cpu.quantise import quantise

        quantise(exported, images, out, self.serving_size(image_size))

    def _load(self, weights: Path, size: int | None) -> RuntimeDetector:
        if weights.suffix == SUFFIX:
            from loop.vision.cpu.openvino_detector import OpenVinoDetector

            return OpenVinoDetector(weights, image_size=size, tuning=self._tuning)
        from loop.vision.ultralytics_detector import UltralyticsDetector

        check_kind(weights)
        return UltralyticsDetector(weights, device=first_device(self._device), image_size=size)

    def probe(self, weights: Path, pickle_sha256: str, image_size: int | None) -> ProbedWeights:
        """Load weights from elsewhere in a process of their own. Raises ArchiveRefused, WeightsRefused."""
        from loop.registry.probe import probe

        return probe(weights, pickle_sha256, image_size or self._image_size)

    def latencies(
        self, weights: Sequence[tuple[Path, Framing]], images: Sequence[Path], times: int = 20
    ) -> list[float]:
        """
        Return the median milliseconds for an image of each of the weights, in the framing in which they serve.

        The weights take turns, image by image, in both orders: a machine that is busy for a while slows all of them,
        and the one that comes after another the most.
        """
        from loop.vision.image_files import read_prepared

        detectors = [self.load(path, framing) for path, framing in weights]
        durations: list[list[float]] = [[] for _ in detectors]
        turns = list(zip(detectors, durations, strict=True))
        for path in [*images[:WARM_UP], *(images[n % len(images)] for n in range(times))]:
            pixels = read_prepared(path)
            turns.reverse()
            for detector, own_durations in turns:
                started = time.perf_counter()
                detector.detect([pixels], floor=0.05)
                own_durations.append(1000 * (time.perf_counter() - started))
        return [statistics.median(own_durations[-times:]) for own_durations in durations]

    def base(self) -> Path:
        """Return the weights that trainings start from without a version. Raises WeightsRefused, UpstreamError."""
        return self.start.to_train()

    def base_if_here(self) -> Path | None:
        """Return the same weights without a download, None where they are not on this machine."""
        return self.start.to_train_if_here()

    def to_train(self, weights: Path) -> Path:
        """Return the weights that a training from *weights* starts from: others, where these cannot be trained."""
        return self.base() if is_prompted(weights) else weights
