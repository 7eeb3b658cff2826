"""Embeddings of crops by an image encoder: by OpenVINO on a CPU, else by torch."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from loop.errors import WeightsRefused
from loop.failures import describe_error
from loop.regions import Box, Pixels
from loop.vision.embedding import MARGIN, Space, Vectors, crop, normalise
from loop.vision.encoder.encoder import ImageEncoder
from loop.vision.ultralytics_setup import is_on_cpu, repeat_arithmetic

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from loop.vision.cpu.tower import OpenVinoTower

log = logging.getLogger(__name__)
PREPARATION = "crop-3"  # changes with every change of the computation here


class CropEmbedder:
    """
    One image encoder in memory. Raises UpstreamError where its weights cannot be had.

    On a CPU it is exported once to the folder *towers*, and OpenVINO runs it from there.
    """

    def __init__(
        self,
        encoder: ImageEncoder,
        space: Space,
        *,
        device: str = "",
        margin: float = MARGIN,
        towers: Path | None = None,
    ) -> None:
        import numpy as np

        self.space, self._margin = space, margin
        self._tower = _load_tower(encoder, space, device, towers)
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
    """An image encoder in torch."""

    def __init__(self, encoder: ImageEncoder, device: str) -> None:
        import torch

        self._device = torch.device(_device_name(device))
        network, self.facts = encoder.load()
        self._network = network.to(self._device).eval()

    def encode(self, pixels: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the vector of an input (1, 3, height, width), not scaled: (1, dimension)."""
        import torch

        repeat_arithmetic()
        with torch.inference_mode():
            output: NDArray[np.float32] = self._network(torch.from_numpy(pixels).to(self._device)).float().cpu().numpy()
        return output

    def export(self, out: Path) -> None:
        """Write the encoder for OpenVINO. Raises WeightsRefused, and OSError where it cannot be written."""
        from loop.vision.cpu.tower import export_tower

        export_tower(self._network, self.facts, out)


def _load_tower(encoder: ImageEncoder, space: Space, device: str, towers: Path | None) -> OpenVinoTower | TorchTower:
    """Load the encoder of a space; on a CPU its export, which is made if it is missing or damaged."""
    if not is_on_cpu(device):
        return TorchTower(encoder, device)
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
        tower = TorchTower(encoder, "cpu")
        try:
            tower.export(file)
        except WeightsRefused as error:
            log.warning("%s", error)
            return tower
        except OSError as error:  # a full disk
            log.warning("%s cannot be written, so torch embeds: %s", file, describe_error(error))
            return tower
        return OpenVinoTower(file)


def _device_name(device: str) -> str:
    """Return torch's name of a device, from that of ultralytics: cpu, a number, or empty for the best device here."""
    import torch

    if not device:
        return "cuda:0" if torch.cuda.is_available() else "cpu"
    first = device.split(",", maxsplit=1)[0]
    return f"cuda:{first}" if first.isdigit() else first
