"""
Measure how alike near-duplicates are, and other images of the same place, by hash and by embedding.

`python -m scripts.bench.near_duplicates [SCENES] [LOOP_EMBEDDER…]` prints the tables of `docs/benchmarks.md`. Composed
scenes, embedded whole, as LOOP_TWIN_COSINE compares them; without a setting, by EfficientNet-Lite0 through open_clip.
"""

from __future__ import annotations

import io
import random
import sys
import time
import tracemalloc
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import combinations
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageEnhance
from rich.console import Console
from rich.table import Table

from loop.datasets.near_duplicates import NearByEither, NearByHash, NearByVector
from loop.datasets.splits import join_families
from loop.regions import Box
from loop.settings import Settings
from loop.vision.embedders import YOLO, Embedders
from loop.vision.embedding import Embedder, Vectors, normalise
from loop.vision.image_files import prepare
from scripts.bench.figures import spread
from scripts.demo import scenes

WHOLE = Box(0, 0, 1, 1)
COSINES = (0.8, 0.85, 0.9, 0.92, 0.94, 0.95, 0.96, 0.98)
STEP = 0.02  # of the width, that a thing moves between two frames; the camera moves by half of it
BATCH = 16
SIZES, ROUNDS = (1_000, 10_000, 20_000, 50_000), 3
PLACES, VISITS = 15, 10  # backgrounds, and images of each
Picture = Image.Image
out = Console(width=170)


@dataclass(frozen=True, slots=True)
class Pairs:
    """The distances of pairs of images: cosines, and differing bits of their hashes."""

    cosines: NDArray[np.float32]
    bits: NDArray[np.int64]

    def shares(self) -> list[str]:
        """Return the share of pairs that would be linked: by the hash, then by each cosine."""
        widest = Settings.read({}).twin_bits
        linked = [self.bits <= widest, *(self.cosines >= least for least in COSINES)]
        return [f"{one.mean():.4f}" if 0 < one.mean() < 0.01 else f"{one.mean():.2f}" for one in linked]


@dataclass(frozen=True, slots=True)
class HashedImages:
    """Images as the split compares them: vectors and hashes."""

    vectors: Vectors
    looks: list[int]

    def beside(self, other: HashedImages) -> Pairs:
        """Pair each image with the image at the same place of *other*."""
        return Pairs((self.vectors * other.vectors).sum(axis=1), _bits(self.looks, other.looks))

    def among(self) -> Pairs:
        """Pair each image with each other."""
        first, second = np.triu_indices(len(self.looks), 1)
        ones, others = zip(*combinations(self.looks, 2), strict=True)
        return Pairs((self.vectors @ self.vectors.T)[first, second], _bits(ones, others))


def main() -> None:
    """Print two tables for each embedder, and what comparing costs."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 150
    for setting in sys.argv[2:] or ["efficientnet:"]:
        chosen = Embedders(setting)
        weights = Path(setting.removeprefix(YOLO))
        space = chosen.whole_image_space() or chosen.space("", weights)
        assert space is not None, f"{setting} embeds nothing"
        see = partial(embed_images, chosen.load(space, weights))
        pictures = [one.image for one in scenes.compose(scenes.palettes()[0], count, seed=7, prefix="t")]
        out.print(setting, near(see, pictures), apart(see, pictures))
    out.print(cost())


def cost() -> Table:
    """Measure the time to find the groups among random vectors of 1280 numbers, and the memory beside them."""
    times = (f"seconds, median (least to most) of {ROUNDS}", "CPU, s")
    table = Table("tasks", *times, "memory beside the vectors, MB", box=None)
    for size in SIZES:
        vectors = normalise(np.random.default_rng(size).normal(size=(size, 1280))).astype(np.float16)
        twins = NearByEither(NearByHash([None] * size, 4), NearByVector(vectors, np.arange(size), 0.95))
        took, worked, peaks = [], [], []
        for _ in range(ROUNDS):
            tracemalloc.start()
            began, used = time.perf_counter(), time.process_time()
            join_families([None] * size, twins)
            took.append(time.perf_counter() - began)
            worked.append(time.process_time() - used)
            peaks.append(tracemalloc.get_traced_memory()[1] / 1e6)
            tracemalloc.stop()
        table.add_row(str(size), spread(took, 1), spread(worked, 1), f"{max(peaks):.0f}")
    return table


def near(see: Callable[[Sequence[Picture]], HashedImages], pictures: Sequence[Picture]) -> Table:
    """Compare near-duplicates with their originals."""
    table = _table(f"near-duplicates of {len(pictures)} scenes", "5% are below")
    whole = see(pictures)
    for name, change in CHANGES.items():
        pairs = whole.beside(see([change(image, random.Random(at)) for at, image in enumerate(pictures)]))
        _add(table, name, pairs, float(np.quantile(pairs.cosines, 0.05)))
    first = see([frame(image, at, 0) for at, image in enumerate(pictures)])
    for when in (1, 2, 5, 10):
        pairs = first.beside(see([frame(image, at, when) for at, image in enumerate(pictures)]))
        _add(table, f"{when} frames later in a video", pairs, float(np.quantile(pairs.cosines, 0.05)))
    return table


def apart(see: Callable[[Sequence[Picture]], HashedImages], pictures: Sequence[Picture]) -> Table:
    """Compare images that are not near-duplicates."""
    table = _table("other images", "most")
    pairs = see(pictures).among()
    _add(table, f"any two of {len(pictures)} scenes", pairs, pairs.cosines.max())
    palette, _ = scenes.palettes()
    photos = [Image.open(path).convert("RGB") for path in palette.backgrounds[:PLACES]]
    for name, shown in PLACED.items():
        each = [see(list(shown(photo))).among() for photo in photos]
        pairs = Pairs(np.concatenate([pairs.cosines for pairs in each]), np.concatenate([pairs.bits for pairs in each]))
        _add(table, f"{name} ({len(pairs.bits)} pairs)", pairs, pairs.cosines.max())
    return table


def embed_images(embedder: Embedder, images: Sequence[Picture]) -> HashedImages:
    """Embed and hash whole images."""
    vectors: list[Vectors] = []
    for start in range(0, len(images), BATCH):
        pixels = [np.ascontiguousarray(np.asarray(one)[:, :, ::-1]) for one in images[start : start + BATCH]]
        vectors += embedder.embed(pixels, [[WHOLE]] * len(pixels))
    return HashedImages(np.concatenate(vectors), [_look(one) for one in images])


def with_things(photo: Picture, rng: random.Random, count: int, least: float, most: float) -> Picture:
    """Paste cut-outs anywhere, each of a height between two shares of the photo's."""
    canvas = photo.copy()
    for _ in range(count):
        thing = _thing(rng, int(rng.uniform(least, most) * photo.height))
        spot = rng.randint(0, canvas.width - thing.width), rng.randint(0, canvas.height - thing.height)
        canvas.paste(thing, spot, thing)
    return canvas


def frame(image: Picture, at: int, when: int) -> Picture:
    """A frame of a camera that pans over a scene, where a cut-out passes by."""
    thing = _thing(random.Random(at), image.height // 3)
    canvas = image.copy()
    canvas.paste(thing, (int((0.1 + STEP * when) * image.width), image.height // 2), thing)
    left = int(STEP / 2 * when * image.width)
    return canvas.crop((left, 0, left + int(0.9 * image.width), int(0.9 * image.height)))


def crop_to(share: float) -> Callable[[Picture, random.Random], Picture]:
    """Cut to a share of each side, anywhere."""

    def change(image: Picture, rng: random.Random) -> Picture:
        width, height = int(image.width * share), int(image.height * share)
        left, top = rng.randint(0, image.width - width), rng.randint(0, image.height - height)
        return image.crop((left, top, left + width, top + height))

    return change


def _many(photo: Picture) -> Iterator[Picture]:
    place = photo.resize(scenes.SIZE)
    return (with_things(place, rng, rng.randint(2, 5), 0.25, 0.5) for rng in map(random.Random, range(VISITS)))


def _one(photo: Picture) -> Iterator[Picture]:
    place = photo.resize(scenes.SIZE)
    return (with_things(place, random.Random(n), 1, 0.2, 0.25) for n in range(VISITS))


def _tiles(photo: Picture) -> Iterator[Picture]:
    width, height = photo.width // 3, photo.height // 3
    corners = ((column * width, row * height) for column in range(3) for row in range(3))
    return (photo.crop((left, top, left + width, top + height)) for left, top in corners)


def _thing(rng: random.Random, height: int) -> Picture:
    stamps = [path for some in scenes.palettes()[0].stamps.values() for path in some]
    thing = Image.open(rng.choice(stamps)).convert("RGBA")
    thing.thumbnail((2 * height, height))
    return thing


def _look(image: Picture) -> int:
    content = io.BytesIO()
    image.save(content, "PNG")
    return prepare(content.getvalue(), "image", image.width * image.height).image_hash or 0


def _bits(ones: Sequence[int], others: Sequence[int]) -> NDArray[np.int64]:
    return np.array([(one ^ other).bit_count() for one, other in zip(ones, others, strict=True)])


def _jpeg(image: Picture, quality: int) -> Picture:
    content = io.BytesIO()
    image.save(content, "JPEG", quality=quality)
    return Image.open(content).convert("RGB")


def _table(title: str, edge: str) -> Table:
    return Table(title, "cosine, median", edge, "by the hash", *(f"≥ {one}" for one in COSINES), box=None)


def _add(table: Table, name: str, pairs: Pairs, edge: float) -> None:
    table.add_row(name, f"{np.median(pairs.cosines):.3f}", f"{edge:.3f}", *pairs.shares())


CHANGES: dict[str, Callable[[Picture, random.Random], Picture]] = {
    "JPEG of quality 30": lambda image, _: _jpeg(image, 30),
    "half the size": lambda image, _: image.resize((image.width // 2, image.height // 2)),
    "brightness 0.7": lambda image, _: ImageEnhance.Brightness(image).enhance(0.7),
    "brightness 1.4": lambda image, _: ImageEnhance.Brightness(image).enhance(1.4),
    "flipped": lambda image, _: image.transpose(Image.Transpose.FLIP_LEFT_RIGHT),
    "cut to 95% of each side": crop_to(0.95),
    "cut to 90%": crop_to(0.9),
    "cut to 80%": crop_to(0.8),
}
PLACED: dict[str, Callable[[Picture], Iterator[Picture]]] = {
    "one background, 2 to 5 other things": _many,
    "one background, one other small thing": _one,
    "ninths of one photo": _tiles,
}


if __name__ == "__main__":
    main()
