"""Loads and times detectors, and finds the weights that a project starts from."""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from loop.errors import UpstreamError, WeightsRefused
from loop.registry.probe import Probed, probe
from loop.storage.files import copy_whole
from loop.vision.detector import Detector
from loop.vision.image_files import read_prepared
from loop.vision.ultralytics_setup import prepare_ultralytics
from loop.vision.weights_kind import EXPECTED
from loop.vision.weights_loading import use_device

WARM_UP = 3  # images that are not timed


class Detectors:
    """Loads and times detectors, and finds the weights that a project starts from."""

    def __init__(self, device: str, image_size: int | None, base: str, downloads: Path) -> None:
        """*image_size*, in pixels of the longer side, is for weights that bring none; None: as they were trained."""
        self._device, self._image_size, self._downloads = device, image_size, downloads
        self._base = Path(base).expanduser()

    def check_device(self) -> None:
        """Raise PayloadError where the device of the settings is not here."""
        use_device(self._device)

    def load(self, weights: Path, image_size: int | None = None) -> Detector:
        """
        Bring weights into memory, to detect at *image_size* pixels, at that of the settings, or as they were trained.

        They have detected once, on nothing, when this returns. Raises WeightsRefused, and PayloadError for LOOP_DEVICE.
        """
        return Detector(weights, device=self._device, image_size=image_size or self._image_size)

    def probe(self, weights: Path, pickle_sha256: str, image_size: int | None) -> Probed:
        """Load weights from elsewhere once, in a process of their own. Raises ArchiveRefused, WeightsRefused."""
        return probe(weights, pickle_sha256, image_size or self._image_size)

    def latencies(
        self, weights: Sequence[tuple[Path, int | None]], images: Sequence[Path], times: int = 20
    ) -> list[float]:
        """
        Median milliseconds an image of each of the weights, at the size at which they serve.

        They take turns, image by image, so that a machine that is busy for a while is so for all of them.
        """
        detectors = [self.load(path, image_size) for path, image_size in weights]
        spent: list[list[float]] = [[] for _ in detectors]
        for path in [*images[:WARM_UP], *(images[n % len(images)] for n in range(times))]:
            pixels = read_prepared(path)
            for detector, mine in zip(detectors, spent, strict=True):
                started = time.perf_counter()
                detector.detect([pixels], floor=0.05)
                mine.append(1000 * (time.perf_counter() - started))
        return [statistics.median(mine[-times:]) for mine in spent]

    def base(self) -> Path:
        """
        The weights that a project starts from.

        A path is taken as it is; a name that ultralytics publishes, such as `yolo11n.pt`, is downloaded once. Raises
        WeightsRefused where there is no such file, and UpstreamError where it cannot be downloaded.
        """
        here = self.base_if_here()
        if here and here.suffix.lower() == ".pt":
            return here
        if here:
            raise WeightsRefused(f"LOOP_BASE_WEIGHTS {here}", "a file of another ending than .pt", "rename it")
        given = self._base
        if given.is_dir() or given.parent != Path() or not _is_published(given.name):
            kind = "a folder" if given.is_dir() else "no file on this machine, and no name that ultralytics publishes"
            raise WeightsRefused(f"LOOP_BASE_WEIGHTS {given}", kind, EXPECTED)
        return _download(self._downloads / given.name)

    def base_if_here(self) -> Path | None:
        """The same without a download: None where they would have to be downloaded."""
        places = (self._base, self._downloads / self._base.name)
        return next((place for place in places if place.is_file()), None)


def _is_published(name: str) -> bool:
    prepare_ultralytics()
    from ultralytics.utils.downloads import GITHUB_ASSETS_NAMES

    return name in GITHUB_ASSETS_NAMES


def _download(target: Path) -> Path:
    """Fetch published weights: the only download there is."""
    prepare_ultralytics()
    from ultralytics.utils.downloads import attempt_download_asset

    with tempfile.TemporaryDirectory() as scratch:
        found = Path(scratch, target.name)
        try:
            attempt_download_asset(str(found))
        except (OSError, RuntimeError) as error:  # every failure of its HTTP clients is one of these
            raise UpstreamError(f"could not download {target.name}: {error}") from error
        if not found.exists():
            raise UpstreamError(f"could not download {target.name}: set LOOP_BASE_WEIGHTS to a local file")
        copy_whole(found, target)
    return target
