"""An image encoder, before it is loaded: its names, the file of its weights, and how to load it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True, slots=True)
class TowerFacts:
    """The input of an image encoder: its *size* (width, height), and the *mean* and *std* of its channels, RGB."""

    size: tuple[int, int]
    mean: tuple[float, ...]
    std: tuple[float, ...]


class ImageEncoder(Protocol):
    """An image encoder that is not in memory yet."""

    @property
    def names(self) -> tuple[str, ...]:
        """The texts that its vectors depend on, beside the content of its weights."""

    @property
    def file(self) -> Path | None:
        """The file or folder of its weights; None where they are downloaded."""

    def load(self) -> tuple[torch.nn.Module, TowerFacts]:
        """
        Load it by torch, as a network from inputs (1, 3, height, width) to vectors (1, dimension), not scaled.

        Raises UpstreamError where its weights cannot be had.
        """
