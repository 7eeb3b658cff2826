"""Embeddings from the detector's own feature maps, by the same forward pass that detects."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from loop.regions import Box, Pixels
from loop.vision.embedding import Space, Vectors, normalise
from loop.vision.ultralytics_detector import UltralyticsDetector

if TYPE_CHECKING:
    import torch

NO_BOXES = 0.99  # a confidence that hardly any box has: only the feature maps are of use
SAMPLES = 4  # points on each side of a box at which RoIAlign reads a map
PREPARATION = "roi-align-2"  # changes with every change of the computation here


class YoloEmbedder:
    """
    RoIAlign over the maps P3 to P5, each pooled to one cell and scaled to unit length, then side by side.

    The weights of each version have a space of their own: vectors of two versions cannot be compared.
    """

    def __init__(self, weights: Path, space: Space, *, device: str = "", image_size: int = 640) -> None:
        self.space = space
        self._detector = UltralyticsDetector(weights, device=device, image_size=image_size)
        self._lock = threading.Lock()
        self._maps: list[torch.Tensor] = []  # of the last image
        self._detector.watch(self._store_maps)
        self._detector.detect([np.zeros((image_size, image_size, 3), np.uint8)], NO_BOXES)
        self.dimension = sum(feature_map.shape[1] for feature_map in self._maps)

    def embed(self, images: Sequence[Pixels], boxes: Sequence[Sequence[Box]]) -> list[Vectors]:
        """Embed the boxes of each image; float32 (boxes, dimension) for each image, unit length, in the order given."""
        return [self._embed_image(*pair) for pair in zip(images, boxes, strict=True)]

    def _store_maps(self, maps: list[torch.Tensor]) -> None:
        self._maps = maps

    def _embed_image(self, image: Pixels, boxes: Sequence[Box]) -> Vectors:
        """Pass an image through the network, and embed its *boxes* by the feature maps."""
        with self._lock:
            self._detector.detect([image], NO_BOXES)
            return self._pool(self._maps, image, boxes)

    def _pool(self, maps: Sequence[torch.Tensor], image: Pixels, boxes: Sequence[Box]) -> Vectors:
        import torch
        from torch.nn.functional import normalize
        from torchvision.ops import roi_align

        if not boxes:
            return np.zeros((0, self.dimension), np.float32)
        strides = [2 ** (3 + level) for level in range(len(maps))]
        size = (maps[0].shape[3] * strides[0], maps[0].shape[2] * strides[0])
        corners = torch.tensor(_letterbox(boxes, (image.shape[1], image.shape[0]), size)).to(maps[0])
        pooled = [
            roi_align(level, [corners], 1, spatial_scale=1 / stride, sampling_ratio=SAMPLES, aligned=True).flatten(1)
            for level, stride in zip(maps, strides, strict=True)
        ]
        return normalise(torch.cat([normalize(level.float()) for level in pooled], dim=1).cpu().numpy())


def _letterbox(boxes: Sequence[Box], image: tuple[int, int], size: tuple[int, int]) -> list[list[float]]:
    """Return boxes in pixels of the network's input, in which the image is centred; sizes are (width, height)."""
    scale = min(size[0] / image[0], size[1] / image[1])
    width, height = image[0] * scale, image[1] * scale
    left, top = (size[0] - width) / 2, (size[1] - height) / 2
    return [
        [left + box.x0 * width, top + box.y0 * height, left + box.x1 * width, top + box.y1 * height] for box in boxes
    ]
