"""An installation on the device, with one project of composed scenes that are all reviewed."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from loop.label_studio.payloads import Review
from loop.regions import Pixels, Region
from loop.rooms import Rooms
from loop.settings import Settings
from loop.vision.image_cache import ImageCache
from loop.wiring import build
from scripts.demo import project

GIB = 2**30


@dataclass(frozen=True, slots=True)
class Options:
    """The scenes and start weights in *folder*, and how they are worked on."""

    folder: Path
    home: Path
    device: str
    epochs: int
    image_size: int


class _Files:
    """The files of the scenes in place of Label Studio's."""

    def __init__(self, files: list[Path]) -> None:
        self._files = files

    def fetch(self, _: str, task_id: int) -> bytes:
        return self._files[task_id - 1].read_bytes()


class Subject:
    """The rooms of an installation on the device, with one project whose tasks are all reviewed."""

    def __init__(self, options: Options) -> None:
        self.options, self.is_cuda = options, options.device != "cpu"
        self.names, self.scenes = project.read_scenes(options.folder)
        self.files = sorted((options.folder / "images").rglob("*.jpg"))  # of the scenes, in their order

    @cached_property
    def rooms(self) -> Rooms:
        """The rooms, with the reviews recorded and the images at hand."""
        options = self.options
        settings = {
            "LOOP_HOME": str(options.home),
            "LOOP_DEVICE": options.device,
            "LOOP_EPOCHS": str(options.epochs),
            "LOOP_IMAGE_SIZE": str(options.image_size),
            "LOOP_BASE_WEIGHTS": str(options.folder / "start.pt"),
            "LOOP_RETRAIN_AFTER": "100000",
            "LOOP_REDIS_URL": "unix:///nowhere.sock",
        }
        rooms = build(Settings.read(settings), migrate=True)
        rooms.studio.projects.save(1, "Composed scenes", project.label_config(self.names))
        files: Any = _Files(self.files)
        cache = ImageCache(options.home / "images", files)
        for task, scene in enumerate(self.scenes, start=1):
            address = f"/data/upload/1/{task}.jpg"
            regions = tuple(Region(f"{task}-{n}", box, label) for n, (label, box) in enumerate(scene.objects))
            now = datetime.now(UTC)
            cache.find(1, task, address)
            rooms.reviews.store.record(Review(task, "", 1, task, regions, now, now), {"image": address})
        return rooms

    @cached_property
    def images(self) -> list[Pixels]:
        """The pixels of all scenes, BGR."""
        return [np.ascontiguousarray(np.asarray(scene.image.convert("RGB"))[:, :, ::-1]) for scene in self.scenes]

    @cached_property
    def weights(self) -> Path:
        """The weights of the newest version."""
        return self.rooms.registry.versions.list(1)[-1].weights

    @property
    def data(self) -> Path:
        """The `data.yaml` of the one snapshot."""
        (data,) = (self.options.home / "snapshots" / "1").glob("[!.]*/data.yaml")
        return data

    def detector(self, device: str | None = None, image_size: int | None = None) -> Any:
        """Load the newest version on a device, by default with the options."""
        from loop.vision.ultralytics_detector import UltralyticsDetector

        name = self.options.device if device is None else device
        return UltralyticsDetector(self.weights, device=name, image_size=image_size or self.options.image_size)

    def memory(self) -> dict[str, float]:
        """GiB on the card: of this process now and at its peak, and free."""
        import torch

        if not self.is_cuda:
            return {}
        free, total = torch.cuda.mem_get_info()
        peak, now = torch.cuda.max_memory_reserved(), torch.cuda.memory_reserved()
        return {
            name: round(size / GIB, 3)
            for name, size in zip(("free", "total", "peak", "now"), (free, total, peak, now), strict=True)
        }

    def synchronize(self) -> None:
        """Wait for all work on the card."""
        if self.is_cuda:
            import torch

            torch.cuda.synchronize()

    def reset_peak(self) -> None:
        """Empty torch's own store of memory on the card, and measure its peak anew."""
        if self.is_cuda:
            import torch

            torch.cuda.empty_cache()
            torch.cuda.reset_peak_memory_stats()
