"""
Measure click tools without another backend: how often a rough shape becomes the right box with the right label.

`python -m scripts.bench.click_tools WEIGHTS…` draws around each true object of composed scenes, and points at it; the
candidates are those of each of the weights.
"""

from __future__ import annotations

import statistics
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table

from loop.label_studio.interactive.prompts import Drawing, Prompt
from loop.regions import Box, Region
from loop.serving.clicks.choose import choose
from scripts.bench.doubles import predict
from scripts.bench.priority import SEEDS, THRESHOLD

SLOPPY = 0.12  # standard deviation of a drawn side, and of a point, as a share of the object's size
RIGHT = 0.5  # IoU

Draw = Callable[[Box, np.random.Generator], Box]


def draw_around(box: Box, rng: np.random.Generator) -> Box:
    """Draw a rectangle roughly around an object."""
    width, height = box.x1 - box.x0, box.y1 - box.y0
    left, top, right, bottom = rng.normal(0, SLOPPY, 4)
    return Box(box.x0 - left * width, box.y0 - top * height, box.x1 + right * width, box.y1 + bottom * height)


def point_at(box: Box, rng: np.random.Generator) -> Box:
    """Point roughly at the middle of an object."""
    x, y = rng.normal(0.5, SLOPPY, 2).clip(0.05, 0.95)
    x, y = box.x0 + x * (box.x1 - box.x0), box.y0 + y * (box.y1 - box.y0)
    return Box(x, y, x, y)


WAYS: dict[str, Draw] = {"rectangle": draw_around, "point": point_at}


def main() -> None:
    """Print a row for each of the weights."""
    columns = (f"{name}, {what}" for name in WAYS for what in ("box right", "box and label right"))
    table = Table("weights", "shown right", *columns, "boxes given: shown before", box=None)
    for path in map(Path, sys.argv[1:]):
        table.add_row(path.stem, *measure(path))
    Console(width=180).print(table)


def measure(weights: Path) -> list[str]:
    """Return the shares of objects with a right box, over all seeds."""
    rng, right = np.random.default_rng(0), dict[str, list[bool]]()
    for candidates, truth in (pair for seed in SEEDS for pair in predict(weights, seed)):
        named = [Region(str(at), one.box, one.label, one.score) for at, one in enumerate(candidates)]
        for thing in truth:
            shown = [region for region in named if (region.score or 0.0) >= THRESHOLD]
            note(right, "shown", any(is_on(region, thing) and region.label == thing.label for region in shown))
            for name, draw in WAYS.items():
                chosen = next(iter(choose(Drawing((Prompt(draw(thing.box, rng)),)), named)), None)
                note(right, f"{name} box", chosen is not None and is_on(chosen, thing))
                is_right = chosen is not None and is_on(chosen, thing) and chosen.label == thing.label
                note(right, f"{name} label", is_right)
                if chosen:
                    note(right, "was shown", (chosen.score or 0.0) >= THRESHOLD)
    keys = ("shown", *(f"{name} {what}" for name in WAYS for what in ("box", "label")), "was shown")
    return [f"{statistics.fmean(right[key]):.1%}" for key in keys]


def note(right: dict[str, list[bool]], key: str, value: bool) -> None:
    """Note whether an object was right in a way."""
    right.setdefault(key, []).append(value)


def is_on(region: Region, thing: Region) -> bool:
    """Whether a box shows an object."""
    return region.box.iou(thing.box) >= RIGHT


if __name__ == "__main__":
    main()
