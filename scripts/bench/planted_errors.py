"""Composed scenes as a careless reviewer left them: a share of their boxes is wrong, in four ways."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from loop.regions import Box, Region
from scripts.bench.weights import CLASSES
from scripts.demo.scenes import Scene

SHARE = 0.1  # of the boxes
ERRORS = ("swapped", "shifted", "missing", "extra")
LABELS = sorted(CLASSES)
SAME_OBJECT = 0.5  # IoU


@dataclass(slots=True)
class Planted:
    """The boxes of an image as a careless reviewer left them: *wrong* says which are wrong, *missing* what is not."""

    regions: list[Region]
    wrong: dict[str, str] = field(default_factory=dict)  # by region: the kind of the error
    missing: list[Box] = field(default_factory=list)


def plant(composed: Sequence[Scene], rng: random.Random) -> list[Planted]:
    """Plant errors in a share of all boxes, as many of each kind."""
    images = [
        Planted([Region(f"{number}-{place}", box, label) for place, (label, box) in enumerate(scene.objects)])
        for number, scene in enumerate(composed)
    ]
    places = [(image, region) for image in images for region in image.regions]
    chosen = rng.sample(places, round(SHARE * len(places)))
    for number, (image, region) in enumerate(chosen):
        error = ERRORS[number % len(ERRORS)]
        if error == "missing":
            image.regions.remove(region)
            image.missing.append(region.box)
            continue
        changed = spoil(region, error, rng)
        image.wrong[changed.id] = error
        if error == "extra":
            image.regions.append(changed)
        else:
            image.regions[image.regions.index(region)] = changed
    return images


def spoil(region: Region, error: str, rng: random.Random) -> Region:
    """Return a region with an error; an extra one is of the same size, anywhere on the image."""
    box = region.box
    width, height = box.x1 - box.x0, box.y1 - box.y0
    if error == "swapped":
        return replace(region, label=rng.choice([label for label in LABELS if label != region.label]))
    if error == "shifted":
        x, y = (rng.choice((-1, 1)) * rng.uniform(0.25, 0.4) for _ in range(2))
        return replace(
            region, box=Box(box.x0 + x * width, box.y0 + y * height, box.x1 + x * width, box.y1 + y * height).clip()
        )
    left, top = rng.uniform(0, 1 - width), rng.uniform(0, 1 - height)
    return replace(region, id=f"{region.id}-extra", box=Box(left, top, left + width, top + height))


def name_missing(image: Planted, box: Box) -> str:
    """Return the name of the removed box that a detection shows; empty if it shows none."""
    return "missing" if any(box.iou(gone) >= SAME_OBJECT for gone in image.missing) else ""


def count_planted(planted: Sequence[Planted], error: str) -> int:
    """Count the planted errors of a kind."""
    if error == "missing":
        return sum(len(image.missing) for image in planted)
    return sum(list(image.wrong.values()).count(error) for image in planted)
