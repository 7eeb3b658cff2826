"""A detector that really suggests, trained once on composed scenes and kept beside the other assets."""

from __future__ import annotations

import shutil
from pathlib import Path

from loop.training.callbacks import Watch
from loop.training.trainer import TrainingPolicy, train
from scripts.demo import project as projects
from scripts.demo import scenes
from scripts.demo.label_studio import CACHE

CLASSES = {label: scenes.CLASSES[label] for label in ("Bird", "Flower", "Fruit")}
LABELS = sorted(CLASSES)
IMAGE_SIZE = 160
SCENES, EPOCHS, BATCH = 100, 8, 8
SEED = 7


def start_weights(folder: Path) -> Path:
    """Return the weights; train them in *folder* first where that was never done."""
    return train_once(folder, seed=SEED, count=SCENES, epochs=EPOCHS)


def train_once(folder: Path, *, seed: int, count: int, epochs: int) -> Path:
    """Return weights trained on *count* composed scenes of CLASSES; they are trained in *folder*, and only once."""
    stored = CACHE / f"chaos-{IMAGE_SIZE}-{count}-{epochs}-{BATCH}-{seed}.pt"
    if not stored.exists():
        palette, _ = scenes.palettes(classes=CLASSES)
        composed = scenes.compose(palette, count, seed=seed, prefix="w")
        data = projects.write_dataset(folder / "data", LABELS, composed)
        for kind in ("images", "labels"):
            shutil.copytree(data.parent / kind / "held_out", data.parent / kind / "train")
        policy = TrainingPolicy(epochs=epochs, batch=BATCH, image_size=IMAGE_SIZE, device="cpu")
        watch = Watch(report=lambda _: None, check=lambda: None)
        trained = train(data, scenes.WARM_START, folder / "run", policy, watch)
        stored.parent.mkdir(parents=True, exist_ok=True)
        scratch = stored.with_suffix(".tmp")
        shutil.copy(trained, scratch)
        scratch.rename(stored)
    return stored
