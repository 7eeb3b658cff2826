"""Loads and times detectors, and finds the weights that a project starts from."""

from __future__ import annotations

import gc
import statistics
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING
from weakref import WeakValueDictionary

from loop.errors import UpstreamError, WeightsRefused
from loop.storage.files import copy_whole, sha256_of
from loop.vision.cpu.model_file import SUFFIX
from loop.vision.cpu.tuning import Tuning
from loop.vision.tiling.tiled_detector import TiledDetector
from loop.vision.tiling.tiles import AS_TRAINED, Framing
from loop.vision.ultralytics_setup import is_on_cpu, prepare_ultralytics
from loop.vision.ultralytics_weights import check_device, first_device
from loop.vision.weights_kind import EXPECTED, check_kind

if TYPE_CHECKING:
    from loop.registry.probe import ProbedWeights
    from loop.vision.detector import Detector, RuntimeDetector

WARM_UP = 3  # images that are not timed
EXPORT_SIZE = 64  # pixels; an export takes input of any size
AUTO, NONE = "auto", "none"  # values of LOOP_EXPORT


class Detectors:
    """Loads and times detectors, and finds the weights that a project starts from."""

    def __init__(
        self,
        device: str,
        image_size: int | None,
        base: str,
        downloads: Path,
        *,
        tuning: Tuning | None = None,
        export: str = AUTO,
    ) -> None:
        """
        *image_size*, in pixels of the longer side, is for weights without a size of their own; None: as trained.

        *tuning* says how exports run on this machine; None: by the default. *export* is LOOP_EXPORT.
        """
        self._device, self._image_size, self._downloads = device, image_size, downloads
        self._tuning, self._export = tuning, export
        self._base = Path(base).expanduser()
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

        The weights take turns, image by image: a machine that is busy for a while slows all of them.
        """
        from loop.vision.image_files import read_prepared

        detectors = [self.load(path, framing) for path, framing in weights]
        durations: list[list[float]] = [[] for _ in detectors]
        for path in [*images[:WARM_UP], *(images[n % len(images)] for n in range(times))]:
            pixels = read_prepared(path)
            for detector, own_durations in zip(detectors, durations, strict=True):
                started = time.perf_counter()
                detector.detect([pixels], floor=0.05)
                own_durations.append(1000 * (time.perf_counter() - started))
        return [statistics.median(own_durations[-times:]) for own_durations in durations]

    def base(self) -> Path:
        """
        Return the weights that a project starts from.

        A path stays as it is; weights that ultralytics publishes by a name, such as `yolo11n.pt`, are downloaded once.
        Raises WeightsRefused where no such file exists, UpstreamError where it cannot be downloaded.
        """
        file = self.base_if_here()
        if file and file.suffix.lower() == ".pt":
            return file
        if file:
            raise WeightsRefused(f"LOOP_BASE_WEIGHTS {file}", "a file of another ending than .pt", "rename it")
        base = self._base
        if base.is_dir() or base.parent != Path() or not _is_published(base.name):
            kind = "a folder" if base.is_dir() else "no file on this machine, and no name that ultralytics publishes"
            raise WeightsRefused(f"LOOP_BASE_WEIGHTS {base}", kind, EXPECTED)
        return _download(self._downloads / base.name)

    def base_if_here(self) -> Path | None:
        """Return the same weights without a download, None where they are not on this machine."""
        places = (self._base, self._downloads / self._base.name)
        return next((place for place in places if place.is_file()), None)


def _is_published(name: str) -> bool:
    prepare_ultralytics()
    from ultralytics.utils.downloads import GITHUB_ASSETS_NAMES

    return name in GITHUB_ASSETS_NAMES


def _download(target: Path) -> Path:
    """Download weights that ultralytics publishes."""
    prepare_ultralytics()
    from ultralytics.utils.downloads import attempt_download_asset

    advice = "set LOOP_BASE_WEIGHTS to a file on this machine, or try again with a connection to the network"
    with tempfile.TemporaryDirectory() as scratch:
        file = Path(scratch, target.name)
        try:
            attempt_download_asset(str(file))
        except (OSError, RuntimeError) as error:  # every failure of ultralytics' HTTP clients is one of these
            raise UpstreamError(f"could not download {target.name}: {error}; {advice}") from error
        if not file.exists():
            raise UpstreamError(f"could not download {target.name}; {advice}")
        copy_whole(file, target)
    return target
