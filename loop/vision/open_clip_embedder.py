"""Embeddings of crops by the image encoder of an open_clip model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from loop.errors import UpstreamError
from loop.regions import Box, Pixels
from loop.vision.embedding import MARGIN, Space, Vectors, crop, normalise
from loop.vision.ultralytics_setup import repeat_arithmetic

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

PREPARATION = "crop-2"  # changes with every change of the computation here


@dataclass(frozen=True, slots=True)
class OpenClipModel:
    """
    A model and its weights: a name and a tag that open_clip knows, a name and a checkpoint, or a folder as the name.

    The folder holds `open_clip_config.json` and a checkpoint, as open_clip saves them.
    """

    name: str
    weights: str = ""

    @property
    def file(self) -> Path | None:
        """The checkpoint or folder on this machine; None where open_clip downloads the weights."""
        path = Path(self.weights or self.name)
        return path if path.is_absolute() or path.exists() else None


class OpenClipEmbedder:
    """
    One image encoder in memory. Raises UpstreamError where its weights cannot be had.

    open_clip downloads the weights of a tag at their first use. The weights of a path are never downloaded.
    """

    def __init__(self, model: OpenClipModel, space: Space, *, device: str = "", margin: float = MARGIN) -> None:
        import numpy as np
        import torch

        self.space, self._margin = space, margin
        self._device = torch.device(_device_name(device))
        self._model = _load(model).to(self._device).eval()
        settings = self._model.visual.preprocess_cfg
        side = settings["size"]
        self._size = (int(side[1]), int(side[0])) if isinstance(side, tuple | list) else (int(side), int(side))
        self._mean, self._std = (np.asarray(settings[name], np.float32) for name in ("mean", "std"))
        self.dimension = self._encode(np.zeros((8, 8, 3), np.uint8)).shape[1]

    def embed(self, images: Sequence[Pixels], boxes: Sequence[Sequence[Box]]) -> list[Vectors]:
        """
        Embed the boxes of each image; float32 (boxes, dimension) for each image, unit length, in the order given.

        Each crop goes through the encoder alone: in batches of another length its vector would have other last bits.
        """
        return [self._embed_image(image, image_boxes) for image, image_boxes in zip(images, boxes, strict=True)]

    def _embed_image(self, image: Pixels, boxes: Sequence[Box]) -> Vectors:
        import numpy as np

        vectors = [self._encode(crop(image, box, self._margin)) for box in boxes]
        return np.concatenate([np.zeros((0, self.dimension), np.float32), *vectors])

    def _encode(self, pixels: Pixels) -> Vectors:
        import torch

        repeat_arithmetic()
        with torch.inference_mode():
            vectors = self._model.encode_image(torch.from_numpy(self._prepare(pixels)[None]).to(self._device))
        return normalise(vectors.float().cpu().numpy())

    def _prepare(self, pixels: Pixels) -> NDArray[np.float32]:
        """Return a crop in the form of the encoder's input: RGB, float32 (3, height, width)."""
        import numpy as np
        from PIL import Image

        image = Image.fromarray(pixels[:, :, ::-1]).resize(self._size, Image.Resampling.BICUBIC)
        scaled = (np.asarray(image, np.float32) / 255 - self._mean) / self._std
        return np.ascontiguousarray(scaled.transpose(2, 0, 1))


def _load(model: OpenClipModel):  # type: ignore[no-untyped-def]  # noqa: ANN202 (a torch module, whose import is heavy)
    import open_clip

    if model.file and not model.file.exists():
        raise UpstreamError(f"LOOP_EMBEDDER: there is no file or folder {model.file}")
    name, weights = (model.name, model.weights) if model.weights else (f"local-dir:{model.name}", None)
    try:
        return open_clip.create_model(name, pretrained=weights, pretrained_text=False, require_pretrained=True)
    except (RuntimeError, OSError, ValueError) as error:
        raise UpstreamError(f"LOOP_EMBEDDER: open_clip cannot load {model.name} {model.weights}: {error}") from error


def _device_name(device: str) -> str:
    """Return torch's name of a device, from that of ultralytics: cpu, a number, or empty for the best device here."""
    import torch

    if not device:
        return "cuda:0" if torch.cuda.is_available() else "cpu"
    first = device.split(",", maxsplit=1)[0]
    return f"cuda:{first}" if first.isdigit() else first
