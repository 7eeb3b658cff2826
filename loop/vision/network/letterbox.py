"""Scales an image into the input of a network as ultralytics does, and boxes back, to the last bit. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from loop.regions import Pixels

GREY = (114, 114, 114)


@dataclass(frozen=True, slots=True)
class Letterbox:
    """
    The place of an image in the input of a network, in pixels: its scaled *width* and *height*, and the padding.

    The input is the smallest rectangle whose sides are multiples of the stride.
    """

    width: int
    height: int
    left: int
    top: int
    right: int
    bottom: int

    @classmethod
    def of(cls, image: Pixels, size: int, stride: int) -> Letterbox:
        """Return the place of an image whose longer side is scaled to *size* pixels."""
        height, width = image.shape[:2]
        ratio = min(size / height, size / width)
        scaled_width, scaled_height = max(round(width * ratio), 1), max(round(height * ratio), 1)
        beside, above = (size - scaled_width) % stride / 2, (size - scaled_height) % stride / 2
        return cls(
            width=scaled_width,
            height=scaled_height,
            left=round(beside - 0.1),
            top=round(above - 0.1),
            right=round(beside + 0.1),
            bottom=round(above + 0.1),
        )

    @property
    def shape(self) -> tuple[int, int, int, int]:
        """The shape of the input of the network: one image, three colours, height, width."""
        return 1, 3, self.height + self.top + self.bottom, self.width + self.left + self.right

    def scale(self, image: Pixels) -> Pixels:
        """Return the scaled image with its padding, BGR from 0 to 255, (height, width, 3)."""
        scaled: Any = image
        if (image.shape[1], image.shape[0]) != (self.width, self.height):
            scaled = cv2.resize(image, (self.width, self.height), interpolation=cv2.INTER_LINEAR)
        padding = self.top, self.bottom, self.left, self.right
        padded: Any = cv2.copyMakeBorder(scaled, *padding, cv2.BORDER_CONSTANT, value=GREY)
        return padded  # type: ignore[no-any-return]

    def fill(self, image: Pixels, out: NDArray[np.float32] | None = None) -> NDArray[np.float32]:
        """Return the input of the network, RGB from 0 to 1, in *out*, an array of this *shape*, if it is given."""
        out = np.empty(self.shape, np.float32) if out is None else out
        np.divide(self.scale(image).transpose(2, 0, 1)[::-1], 255, out=out[0], dtype=np.float32)
        return out

    def scale_back(self, boxes: NDArray[np.float32], image: Pixels) -> None:
        """Bring `xyxy` in pixels of the input to pixels of the image, clipped to it, in place."""
        shape = self.shape[2:]
        height, width = image.shape[:2]
        gain = min(shape[0] / height, shape[1] / width)
        scaled_height, scaled_width = max(round(height * gain), 1), max(round(width * gain), 1)
        left, top = round((shape[1] - scaled_width) / 2 - 0.1), round((shape[0] - scaled_height) / 2 - 0.1)
        boxes[:, [0, 2]] = ((boxes[:, [0, 2]] - left) / (scaled_width / width)).clip(0, width)
        boxes[:, [1, 3]] = ((boxes[:, [1, 3]] - top) / (scaled_height / height)).clip(0, height)
