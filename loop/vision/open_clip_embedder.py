"""Embeddings of crops by an image tower of open_clip."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from loop.errors import UpstreamError
from loop.regions import Box, Pixels
from loop.vision.crops import MARGIN, crop
from loop.vision.embedding import Space, Vectors, normalised
from loop.vision.ultralytics_setup import repeat_arithmetic

PREPARATION = "crop-2"  # changes with every change of what is computed here


@dataclass(frozen=True, slots=True)
class Tower:
    """
    Which model and which weights: a name and a tag that open_clip knows, a name and a checkpoint, or a folder.

    The folder holds `open_clip_config.json` and a checkpoint, as open_clip saves them.
    """

    model: str
    weights: str = ""

    @property
    def file(self) -> Path | None:
        """What is on this machine of it, None where open_clip has it from elsewhere."""
        path = Path(self.weights or self.model)
        return path if path.is_absolute() or path.exists() else None


class OpenClipEmbedder:
    """
    One image tower in memory. Raises UpstreamError where its weights are not here and cannot be had.

    A tag is downloaded by open_clip at the first use; a path never is.
    """

    def __init__(self, tower: Tower, space: Space, *, device: str = "", margin: float = MARGIN) -> None:
        import torch

        self.space, self._margin = space, margin
        self._device = torch.device(_device_name(device))
        self._model = _load(tower).to(self._device).eval()
        settings = self._model.visual.preprocess_cfg
        side = settings["size"]
        self._size = (int(side[1]), int(side[0])) if isinstance(side, tuple | list) else (int(side), int(side))
        self._mean, self._std = (np.asarray(settings[name], np.float32) for name in ("mean", "std"))
        self.dimension = self._encoded(np.zeros((8, 8, 3), np.uint8)).shape[1]

    def embed(self, images: Sequence[Pixels], boxes: Sequence[Sequence[Box]]) -> list[Vectors]:
        """
        Embed the boxes of each image; float32 (boxes, dimension) an image, unit length, in the order given.

        Each goes through the tower alone, for in batches of another length its vector would have other last bits.
        """
        return [
            np.concatenate([np.zeros((0, self.dimension), np.float32), *(self._vector(image, box) for box in some)])
            for image, some in zip(images, boxes, strict=True)
        ]

    def _vector(self, image: Pixels, box: Box) -> Vectors:
        return self._encoded(crop(image, box, self._margin))

    def _encoded(self, pixels: Pixels) -> Vectors:
        import torch

        repeat_arithmetic()
        with torch.inference_mode():
            found = self._model.encode_image(torch.from_numpy(self._prepared(pixels)[None]).to(self._device))
        return normalised(found.float().cpu().numpy())

    def _prepared(self, pixels: Pixels) -> NDArray[np.float32]:
        """One crop as the tower takes it: RGB, float32 (3, height, width)."""
        image = Image.fromarray(pixels[:, :, ::-1]).resize(self._size, Image.Resampling.BICUBIC)
        scaled = (np.asarray(image, np.float32) / 255 - self._mean) / self._std
        return np.ascontiguousarray(scaled.transpose(2, 0, 1))


def _load(tower: Tower):  # type: ignore[no-untyped-def]  # noqa: ANN202 (a torch module, whose import is heavy)
    import open_clip

    if tower.file and not tower.file.exists():
        raise UpstreamError(f"LOOP_EMBEDDER: there is no file or folder {tower.file}")
    name, weights = (tower.model, tower.weights) if tower.weights else (f"local-dir:{tower.model}", None)
    try:
        return open_clip.create_model(name, pretrained=weights, pretrained_text=False, require_pretrained=True)
    except (RuntimeError, OSError, ValueError) as error:
        raise UpstreamError(f"LOOP_EMBEDDER: open_clip cannot load {tower.model} {tower.weights}: {error}") from error


def _device_name(device: str) -> str:
    """A device as torch names it, from one as ultralytics does: cpu, a number, or empty for the best there is."""
    import torch

    if not device:
        return "cuda:0" if torch.cuda.is_available() else "cpu"
    first = device.split(",", maxsplit=1)[0]
    return f"cuda:{first}" if first.isdigit() else first
