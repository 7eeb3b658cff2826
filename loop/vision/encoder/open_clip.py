"""The image encoder of an open_clip model."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from loop.errors import UpstreamError
from loop.vision.encoder.encoder import TowerFacts

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True, slots=True)
class OpenClipModel:
    """
    A model and its weights: a name and a tag that open_clip knows, a name and a checkpoint, or a folder as the name.

    The folder holds `open_clip_config.json` and a checkpoint, as open_clip saves them. open_clip downloads the weights
    of a tag at their first use; the weights of a path are never downloaded.
    """

    name: str
    weights: str = ""

    @property
    def names(self) -> tuple[str, ...]:
        """Its name and its weights, as the setting has them."""
        return self.name, self.weights

    @property
    def file(self) -> Path | None:
        """The checkpoint or folder on this machine; None where open_clip downloads the weights."""
        path = Path(self.weights or self.name)
        return path if path.is_absolute() or path.exists() else None

    def load(self) -> tuple[torch.nn.Module, TowerFacts]:
        """Load it without the way of a text. Raises UpstreamError where its weights cannot be had."""
        import torch

        model = self._load()

        class Encoder(torch.nn.Module):
            """The way of an image through the model."""

            def __init__(self) -> None:
                super().__init__()
                self.model = model

            def forward(self, pixels: torch.Tensor) -> torch.Tensor:
                encoded: torch.Tensor = self.model.encode_image(pixels)
                return encoded

        settings = model.visual.preprocess_cfg
        side = settings["size"]
        size = (int(side[1]), int(side[0])) if isinstance(side, tuple | list) else (int(side), int(side))
        return Encoder(), TowerFacts(size, tuple(settings["mean"]), tuple(settings["std"]))

    def _load(self) -> Any:
        import open_clip

        if self.file and not self.file.exists():
            raise UpstreamError(f"LOOP_EMBEDDER: there is no file or folder {self.file}")
        name, weights = (self.name, self.weights) if self.weights else (f"local-dir:{self.name}", None)
        try:
            return open_clip.create_model(name, pretrained=weights, pretrained_text=False, require_pretrained=True)
        except (RuntimeError, OSError, ValueError) as error:
            raise UpstreamError(f"LOOP_EMBEDDER: open_clip cannot load {self.name} {self.weights}: {error}") from error
