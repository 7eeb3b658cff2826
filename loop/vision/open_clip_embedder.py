"""Embeddings of crops by the image encoder of an open_clip model."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from loop.errors import UpstreamError, WeightsRefused
from loop.failures import describe_error
from loop.regions import Box, Pixels
from loop.vision.embedding import MARGIN, Space, Vectors, crop, normalise
from loop.vision.ultralytics_setup import is_on_cpu, repeat_arithmetic

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from loop.vision.cpu.tower import OpenVinoTower

log = logging.getLogger(__name__)
PREPARATION = "crop-3"  # changes with every change of the computation here


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

    open_clip downloads the weights of a tag at their first use. The weights of a path are never downloaded. On a CPU
    the encoder is exported once to the folder *towers*, and OpenVINO runs it from there.
    """

    def __init__(
        self,
        model: OpenClipModel,
        space: Space,
        *,
        device: str = "",
        margin: float = MARGIN,
        towers: Path | None = None,
    ) -> None:
        import numpy as np

        self.space, self._margin = space, margin
        self._tower = _load_tower(model, space, device, towers)
        self._mean, self._std = (
            np.asarray(part, np.float32) for part in (self._tower.facts.mean, self._tower.facts.std)
        )
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
        return normalise(self._tower.encode(self._prepare(pixels)[None]))

    def _prepare(self, pixels: Pixels) -> NDArray[np.float32]:
        """Return a crop in the form of the encoder's input: RGB, float32 (3, height, width)."""
        import numpy as np
        from PIL import Image

        image = Image.fromarray(pixels[:, :, ::-1]).resize(self._tower.facts.size, Image.Resampling.BICUBIC)
        scaled = (np.asarray(image, np.float32) / 255 - self._mean) / self._std
        return np.ascontiguousarray(scaled.transpose(2, 0, 1))


class TorchTower:
    """An image encoder of open_clip in torch."""

    def __init__(self, model: OpenClipModel, device: str) -> None:
        import torch

        from loop.vision.cpu.tower import TowerFacts

        self._device = torch.device(_device_name(device))
        self._model = _load(model).to(self._device).eval()
        settings = self._model.visual.preprocess_cfg
        side = settings["size"]
        size = (int(side[1]), int(side[0])) if isinstance(side, tuple | list) else (int(side), int(side))
        self.facts = TowerFacts(size, tuple(settings["mean"]), tuple(settings["std"]))

    def encode(self, pixels: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the vector of an input (1, 3, height, width), not scaled: (1, dimension)."""
        import torch

        repeat_arithmetic()
        with torch.inference_mode():
            output: NDArray[np.float32] = (
                self._model.encode_image(torch.from_numpy(pixels).to(self._device)).float().cpu().numpy()
            )
        return output

    def export(self, out: Path) -> None:
        """Write the encoder for OpenVINO. Raises WeightsRefused, and OSError where it cannot be written."""
        import torch

        from loop.vision.cpu.tower import export_tower

        model = self._model

        class Encoder(torch.nn.Module):
            """The way of an image through the model, without that of a text."""

            def __init__(self) -> None:
                super().__init__()
                self.model = model

            def forward(self, pixels: torch.Tensor) -> torch.Tensor:
                encoded: torch.Tensor = self.model.encode_image(pixels)
                return encoded

        export_tower(Encoder(), self.facts, out)


def _load_tower(model: OpenClipModel, space: Space, device: str, towers: Path | None) -> OpenVinoTower | TorchTower:
    """Load the encoder of a space; on a CPU its export, which is made if it is missing or damaged."""
    if not is_on_cpu(device):
        return TorchTower(model, device)
    from loop.vision.cpu.tower import SUFFIX, OpenVinoTower

    with ExitStack() as stack:
        folder = towers or Path(stack.enter_context(TemporaryDirectory(prefix="loop-tower-")))
        file = folder / f"{space.fingerprint}{SUFFIX}"
        try:
            return OpenVinoTower(file)
        except FileNotFoundError:
            pass
        except Exception as error:  # noqa: BLE001 (a damaged file raises anything)
            log.warning("%s is damaged and made again: %s", file, describe_error(error))
        tower = TorchTower(model, "cpu")
        try:
            tower.export(file)
        except WeightsRefused as error:
            log.warning("%s", error)
            return tower
        except OSError as error:  # a full disk
            log.warning("%s cannot be written, so torch embeds: %s", file, describe_error(error))
            return tower
        return OpenVinoTower(file)


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
