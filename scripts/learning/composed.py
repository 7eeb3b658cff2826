"""Composed scenes for studies: a long tail of classes, bursts of near-duplicates, empty images, crowds."""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from dataclasses import replace

from PIL import ImageEnhance

from loop.regions import Box
from scripts.demo import scenes
from scripts.demo.scenes import Recipe, Scene

CLASSES = {  # from the most to the least frequent
    "Flower": scenes.CLASSES["Flower"],
    "Bird": scenes.CLASSES["Bird"],
    "Fruit": scenes.CLASSES["Fruit"],
    "Vegetable": scenes.CLASSES["Vegetable"],
    "Roadsign": "town/roadsigns",
    "Cattle": scenes.CLASSES["Cattle"],
    "Tool": "household/tools",
    "Fish": scenes.CLASSES["Fish"],
}
EMPTY, MOST = 0.3, 40  # share of scenes without objects; objects of a scene
LARGEST, COVERED = 0.5, 0.35  # longest side of an object, in heights; share of a scene that objects may cover
BURSTS, LEAST_OF_BURST, MOST_OF_BURST = 0.1, 2, 5  # share of scenes that are followed by so many near-duplicates
MOVED, DARKER, BRIGHTER = 0.03, 0.9, 1.1  # how far near-duplicates differ
VISIBLE = 0.5  # share of an object that must still be on a near-duplicate


def compose_pool(count: int, seed: int) -> list[Scene]:
    """Compose the scenes that may be reviewed: the k-th class is 1 / k times as frequent as the first."""
    palette, _ = scenes.palettes(classes=CLASSES)
    weights = {label: 1 / rank for rank, label in enumerate(CLASSES, start=1)}
    recipe = make_recipe(lambda rng, labels: rng.choices(labels, [weights[label] for label in labels])[0])
    rng, pool = random.Random(f"pool-{seed}"), list[Scene]()
    while len(pool) < count:
        scene = scenes.compose_one(palette, rng, f"p-{len(pool):04d}", recipe)
        pool.append(scene)
        followers = rng.randint(LEAST_OF_BURST, MOST_OF_BURST) if rng.random() < BURSTS else 0
        pool += [make_near_duplicate(scene, rng, f"p-{len(pool) + number:04d}") for number in range(followers)]
    return pool[:count]


def compose_held_out(count: int, seed: int) -> list[Scene]:
    """Compose scenes of other cut-outs and backgrounds, all classes equally frequent, without near-duplicates."""
    _, palette = scenes.palettes(classes=CLASSES)
    recipe = make_recipe(lambda rng, labels: rng.choice(labels))
    return scenes.compose(palette, count, seed=seed, prefix="h", recipe=recipe)


def make_recipe(choose_label: scenes.ChooseLabel) -> Recipe:
    """Return the recipe of scenes of which some are empty; the logarithm of the others' count is even."""
    return Recipe(_draw_count, choose_label, _list_sides)


def make_near_duplicate(scene: Scene, rng: random.Random, name: str) -> Scene:
    """Return a scene as the camera would see it a moment later: moved a little, darker or brighter."""
    left, top = rng.uniform(0, MOVED), rng.uniform(0, MOVED)
    width, height = scene.image.size
    share = 1 - MOVED
    window = (left * width, top * height, (left + share) * width, (top + share) * height)
    image = scene.image.resize(scene.image.size, box=window)
    objects = _move(scene.objects, left, top, share)
    return replace(
        scene,
        name=name,
        image=ImageEnhance.Brightness(image).enhance(rng.uniform(DARKER, BRIGHTER)),
        objects=tuple(objects),
        stamps=(),
    )


def _move(objects: Sequence[tuple[str, Box]], left: float, top: float, share: float) -> list[tuple[str, Box]]:
    moved = []
    for label, box in objects:
        whole = Box(
            *((box.x0 - left) / share, (box.y0 - top) / share), *((box.x1 - left) / share, (box.y1 - top) / share)
        )
        if whole.clip().area >= VISIBLE * whole.area:
            moved.append((label, whole.clip()))
    return moved


def _draw_count(rng: random.Random) -> int:
    return 0 if rng.random() < EMPTY else round(math.exp(rng.uniform(0, math.log(MOST))))


def _list_sides(count: int) -> tuple[float, float]:
    aspect = scenes.SIZE[0] / scenes.SIZE[1]
    longest = min(LARGEST, math.sqrt(COVERED * aspect / max(1, count)))
    return longest / 2, longest
