"""Real features of composed scenes whose categories were partly never labelled, for `scripts.bench.discovery`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from loop.vision.embedding import MARGIN, Embedder, Space
from loop.vision.open_clip_embedder import OpenClipEmbedder, OpenClipModel
from loop.vision.yolo_embedder import YoloEmbedder
from scripts.demo import scenes
from scripts.demo.features import SIDE, efficientnet

KNOWN = scenes.CLASSES
NOVEL = {"Insect": "animals/insects", "Tool": "household/tools", "Roadsign": "town/roadsigns"}
AT_ONCE = 16  # scenes
SETS = {"reference": 180, "unlabelled": 180, "later": 120}  # scenes


@dataclass(frozen=True, slots=True)
class Cut:
    """How much of a box is added on each side, and the pixels that a crop, or a detector's image, is scaled to."""

    margin: float = MARGIN
    side: int = SIDE


Features = dict[str, NDArray[Any]]  # of a set NAME: `NAME_vectors` (n, dimension), `NAME_labels` and `NAME_stamps` (n)


def features(fold: int, seed: int, cache: Path, weights: Path | None, how: Cut) -> Features:
    """Embed the boxes of a fold's scenes as drawn; by EfficientNet-Lite0, or by the maps of a detector's *weights*."""
    of = f"{weights.stem[:12]}-{how.side}" if weights else f"efficientnet-{how.margin:g}-{how.side}"
    file = cache / f"{of}-fold{fold}-seed{seed}.npz"
    if not file.exists():
        cache.mkdir(parents=True, exist_ok=True)
        model = embedder(weights, how)
        sets: Features = {}
        for which, made in scene_sets(fold, seed).items():
            sets[f"{which}_labels"] = np.array([label for scene in made for label, _ in scene.objects])
            sets[f"{which}_stamps"] = np.array([stamp for scene in made for stamp in scene.stamps])
            sets[f"{which}_vectors"] = embedded(model, made)
        np.savez(file, allow_pickle=False, **sets)
    with np.load(file) as stored:
        return dict(stored)


def scene_sets(fold: int, seed: int) -> dict[str, list[scenes.Scene]]:
    """
    Compose the scenes of one fold; every fifth stamp of each folder, from the *fold*th on, is held out.

    References are of known categories only. Unlabelled scenes show the known ones by stamps held out, the novel ones by
    the others; later scenes are of stamps held out alone. So no query is of a stamp that a reference shows.
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


def embedder(weights: Path | None, how: Cut) -> Embedder:
    """Load the product's own embedder: EfficientNet-Lite0 on crops, or a detector's maps at the same side."""
    if weights is None:
        return OpenClipEmbedder(OpenClipModel(str(efficientnet(how.side))), Space("measured", ""), margin=how.margin)
    return YoloEmbedder(weights, Space("measured", ""), image_size=how.side)


def embedded(model: Embedder, made: Sequence[scenes.Scene]) -> NDArray[np.float32]:
    """Embed the boxes of scenes as drawn, in their order."""
    vectors: list[NDArray[np.float32]] = []
    for start in range(0, len(made), AT_ONCE):
        batch = made[start : start + AT_ONCE]
        images = [np.ascontiguousarray(np.asarray(scene.image)[:, :, ::-1]) for scene in batch]
        vectors += model.embed(images, [[box for _, box in scene.objects] for scene in batch])
    return np.concatenate(vectors)
