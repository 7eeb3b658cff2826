"""Composed scenes for studies of trainings: the second half of a pool shows other classes on other backgrounds."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from scripts.demo import scenes
from scripts.demo.scenes import Palette, Scene

FIRST, SECOND = ("Bird", "Cattle", "Fish"), ("Flower", "Fruit", "Vegetable")
CLASSES = (*FIRST, *SECOND)


def compose_pool(count: int, seed: int) -> list[Scene]:
    """Compose scenes like those of the demo: animals, then plants on other backgrounds."""
    palette, _ = scenes.palettes()
    halves = [
        _restrict(palette, FIRST, palette.backgrounds[::2]),
        _restrict(palette, SECOND, palette.backgrounds[1::2]),
    ]
    counts = (count - count // 2, count // 2)
    return [
        scene
        for half, (part, size) in enumerate(zip(halves, counts, strict=True))
        for scene in scenes.compose(part, size, seed=seed, prefix=f"p{half}")
    ]


def compose_held_out(count: int, labels: Sequence[str]) -> list[Scene]:
    """Compose scenes of some classes, of cut-outs and backgrounds that no pool has."""
    _, palette = scenes.palettes()
    return scenes.compose(_restrict(palette, labels, palette.backgrounds), count, seed=0, prefix="h")


def _restrict(palette: Palette, labels: Sequence[str], backgrounds: tuple[Path, ...]) -> Palette:
    return Palette({label: palette.stamps[label] for label in labels}, backgrounds)
