"""Real features of composed scenes, some of whose categories have no label, for `scripts.bench.discovery`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from loop.vision.crop_embedder import CropEmbedder
from loop.vision.embedding import MARGIN, Embedder, Space
from loop.vision.encoder.efficientnet import BOX, EfficientNet
from loop.vision.yolo_embedder import YoloEmbedder
from scripts.demo import scenes

KNOWN = scenes.CLASSES
NOVEL = {"Insect": "animals/insects", "Tool": "household/tools", "Roadsign": "town/roadsigns"}
AT_ONCE = 16  # scenes
SETS = {"reference": 180, "unlabelled": 180, "later": 120}  # scenes


@dataclass(frozen=True, slots=True)
class Crop:
    """The margin added on each side of a box, and the pixels that a crop, or a detector's image, is scaled to."""

    margin: float = MARGIN
    side: int = BOX


Features = dict[str, NDArray[Any]]  # of a set NAME: `NAME_vectors` (n, dimension), `NAME_labels` and `NAME_stamps` (n)


def load_features(fold: int, seed: int, cache: Path, weights: Path | None, crop: Crop) -> Features:
    """Embed the true boxes of a fold's scenes, by EfficientNet-Lite0 or by the maps of a detector's *weights*."""
    name = f"{weights.stem[:12]}-{crop.side}" if weights else f"efficientnet-{crop.margin:g}-{crop.side}"
    file = cache / f"{name}-fold{fold}-seed{seed}.npz"
    if not file.exists():
        cache.mkdir(parents=True, exist_ok=True)
        model = load_embedder(weights, crop)
        sets: Features = {}
        for which, composed in scene_sets(fold, seed).items():
            sets[f"{which}_labels"] = np.array([label for scene in composed for label, _ in scene.objects])
            sets[f"{which}_stamps"] = np.array([stamp for scene in composed for stamp in scene.stamps])
            sets[f"{which}_vectors"] = embed(model, composed)
        np.savez(file, allow_pickle=False, **sets)
    with np.load(file) as stored:
        return dict(stored)


def scene_sets(fold: int, seed: int) -> dict[str, list[scenes.Scene]]:
    """
    Compose the scenes of one fold; every fifth stamp of each folder, from the *fold*th on, is held out.

    References show known categories only. Unlabelled scenes show known categories by held-out stamps and novel
    categories by the other stamps; later scenes show held-out stamps alone. No query shows the stamp of a reference.
    """
    shown, unseen = scenes.palettes(classes={**KNOWN, **NOVEL}, first=fold)
    held_out = {label: unseen.stamps[label] for label in KNOWN} | {label: shown.stamps[label] for label in NOVEL}
    palettes = {
        "reference": scenes.Palette({label: shown.stamps[label] for label in KNOWN}, shown.backgrounds),
        "unlabelled": scenes.Palette(held_out, shown.backgrounds),
        "later": unseen,
    }
    return {
        which: scenes.compose(palettes[which], SETS[which], seed=1000 * (seed - 1) + 100 * place + fold, prefix=which)
        for place, which in enumerate(SETS, start=1)
    }


def load_embedder(weights: Path | None, crop: Crop) -> Embedder:
    """Load the product's own embedder: EfficientNet-Lite0 on crops, or a detector's maps at the same side."""
    if weights is None:
        return CropEmbedder(EfficientNet(crop.side), Space("measured", ""), margin=crop.margin)
    return YoloEmbedder(weights, Space("measured", ""), image_size=crop.side)


def embed(model: Embedder, composed: Sequence[scenes.Scene]) -> NDArray[np.float32]:
    """Embed the true boxes of scenes, in their order."""
    vectors: list[NDArray[np.float32]] = []
    for start in range(0, len(composed), AT_ONCE):
        batch = composed[start : start + AT_ONCE]
        images = [np.ascontiguousarray(np.asarray(scene.image)[:, :, ::-1]) for scene in batch]
        vectors += model.embed(images, [[box for _, box in scene.objects] for scene in batch])
    return np.concatenate(vectors)
