"""Scenes composed from photo cut-outs on photo backgrounds, with true boxes; all output calls them composed."""

from __future__ import annotations

import os
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from PIL import Image

from loop.regions import Box

ASSETS = Path(os.environ.get("LOOP_CACHE") or Path.home() / ".cache" / "label-studio-yolo-loop") / "assets"
WARM_START = ASSETS / "ir-yolo-tracker/ir_yolo_tracker/models/pseudo_ir_marker_ball_yolo11n.pt"
STAMPS = ASSETS / "tuxpaint-stamps-default/usr/share/tuxpaint/stamps"
BACKGROUNDS = ASSETS / "tuxpaint-data/usr/share/tuxpaint/templates"

CLASSES = {
    "Bird": "animals/birds",
    "Cattle": "animals/mammals/bovines",
    "Fish": "animals/fish",
    "Flower": "plants/flowers",
    "Fruit": "food/fruit",
    "Vegetable": "food/vegetables",
}
ChooseLabel = Callable[[random.Random, Sequence[str]], str]
WITH_ANIMALS = {"sheep.jpg", "jellyfish.jpg"}
SIZE = (480, 360)  # width, height in pixels


@dataclass(frozen=True, slots=True)
class Scene:
    """One image with its true objects."""

    name: str
    image: Image.Image
    objects: tuple[tuple[str, Box], ...]
    stamps: tuple[str, ...] = ()  # the cut-out behind each object


@dataclass(frozen=True, slots=True)
class Recipe:
    """
    The content of scenes: the number of objects, the label of each, and the range of their longer sides.

    *sides* returns the shortest and the longest, in image heights, by the number of objects.
    """

    count: Callable[[random.Random], int]
    label: ChooseLabel
    sides: Callable[[int], tuple[float, float]]


OF_THE_DEMO = Recipe(
    count=lambda rng: rng.randint(2, 5),
    label=lambda rng, labels: rng.choice(labels),
    sides=lambda _: (0.25, 0.5),
)


@dataclass(frozen=True, slots=True)
class Palette:
    """The cut-outs by class and the backgrounds, from which scenes are composed."""

    stamps: dict[str, tuple[Path, ...]]
    backgrounds: tuple[Path, ...]


def palettes(*, classes: dict[str, str] = CLASSES, first: int = 2) -> tuple[Palette, Palette]:
    """Split stamps and backgrounds into a palette for tasks and a held-out palette: every fifth file from *first*."""
    task_stamps: dict[str, tuple[Path, ...]] = {}
    held_out_stamps: dict[str, tuple[Path, ...]] = {}
    for label, folder in classes.items():
        task_stamps[label], held_out_stamps[label] = _split(_stamps(STAMPS / folder), first)
    photos = [path for path in sorted(BACKGROUNDS.glob("*.jpg")) if path.name not in WITH_ANIMALS]
    task_photos, held_out_photos = _split(photos, first)
    return Palette(task_stamps, task_photos), Palette(held_out_stamps, held_out_photos)


def compose(palette: Palette, count: int, *, seed: int, prefix: str, recipe: Recipe = OF_THE_DEMO) -> list[Scene]:
    """Compose *count* scenes, by default of 2 to 5 objects each; the same seed gives the same scenes."""
    return [compose_one(palette, random.Random(f"{seed}-{n}"), f"{prefix}-{n:04d}", recipe) for n in range(count)]


def _stamps(folder: Path) -> list[Path]:
    if not folder.is_dir():
        raise FileNotFoundError(f"no stamps in {folder}: run `make setup`")
    return [path for path in sorted(folder.glob("*.png")) if not path.stem.endswith("_mirror")]


def _split(paths: Sequence[Path], first: int) -> tuple[tuple[Path, ...], tuple[Path, ...]]:
    """Hold out every fifth path by name: a systematic sample has every kind of fruit on both sides."""
    held_out = paths[first::5]
    return tuple(path for path in paths if path not in held_out), tuple(held_out)


def compose_one(palette: Palette, rng: random.Random, name: str, recipe: Recipe = OF_THE_DEMO) -> Scene:
    """Compose a scene; an object for which there is no free spot is left out."""
    canvas = _background(rng.choice(palette.backgrounds), rng)
    objects: list[tuple[str, Box]] = []
    stamps: list[str] = []
    count = recipe.count(rng)
    for _ in range(count):
        label = recipe.label(rng, sorted(palette.stamps))
        path = rng.choice(palette.stamps[label])
        stamp = _stamp(path, rng, recipe.sides(count))
        spot = _free_spot(stamp, [box for _, box in objects], rng)
        if spot is None:
            continue
        left, top, box = spot
        canvas.paste(stamp, (left, top), stamp)
        objects.append((label, box))
        stamps.append(path.stem)
    return Scene(name, canvas, tuple(objects), tuple(stamps))


def _background(path: Path, rng: random.Random) -> Image.Image:
    photo = _open(path)
    zoom = rng.uniform(0.6, 1.0)
    width, height = int(photo.width * zoom), int(photo.height * zoom)
    left, top = rng.randint(0, photo.width - width), rng.randint(0, photo.height - height)
    return photo.crop((left, top, left + width, top + height)).resize(SIZE).convert("RGB")


def _stamp(path: Path, rng: random.Random, sides: tuple[float, float]) -> Image.Image:
    stamp = _open(path)
    if rng.random() < 0.5:
        stamp = stamp.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    side = rng.uniform(*sides) * SIZE[1]
    scale = side / max(stamp.size)
    return stamp.resize((max(8, int(stamp.width * scale)), max(8, int(stamp.height * scale))))


def _free_spot(stamp: Image.Image, taken: Sequence[Box], rng: random.Random) -> tuple[int, int, Box] | None:
    for _ in range(20):
        left, top = rng.randint(0, SIZE[0] - stamp.width), rng.randint(0, SIZE[1] - stamp.height)
        box = Box(left / SIZE[0], top / SIZE[1], (left + stamp.width) / SIZE[0], (top + stamp.height) / SIZE[1])
        if all(box.iou(other) < 0.05 for other in taken):
            return left, top, box
    return None


@cache
def _open(path: Path) -> Image.Image:
    """Open a background as it is, or a stamp cropped to its visible part."""
    image = Image.open(path)
    if path.suffix == ".jpg":
        return image.convert("RGB")
    stamp = image.convert("RGBA")
    visible = stamp.getchannel("A").point(lambda alpha: 255 if alpha > 32 else 0).getbbox()
    return stamp.crop(visible) if visible else stamp
