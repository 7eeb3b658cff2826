"""The labelled images of a study: a pool that is reviewed, and a held-out set on which each version is measured."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from loop.datasets.splits import Side
from loop.datasets.tiled.plan import is_visible
from loop.vision.tiling.tiles import Tiling
from scripts.bench import aerial_photos
from scripts.demo.project import write_dataset
from scripts.demo.scenes import Scene
from scripts.learning import composed, shifted

TILES = Tiling(250, 50)  # of an aerial photo of 1250 pixels: 6 by 6


@dataclass(frozen=True, slots=True)
class StudyData:
    """
    A data set: its labels, the side in pixels at which it is trained, and its two sides.

    *pool* composes so many images by a seed. *held_out* does not depend on the seed, so that all runs are measured on
    the same images; nor does *earlier*, held-out images of what the first half of the pool shows, where the second half
    shows something else.
    """

    labels: tuple[str, ...]
    image_size: int
    pool: Callable[[int, int], list[Scene]]
    held_out: Callable[[int], list[Scene]]
    earlier: Callable[[int], list[Scene]] | None = None


def cut_aerial(side: Side) -> Iterator[Scene]:
    """Yield the tiles of the aerial photos of a side; a tree is on those that show at least half of it."""
    with tempfile.TemporaryDirectory() as folder:
        for photo_side, photo, path in aerial_photos.cut_photos(Path(folder)):
            if photo_side is not side:
                continue
            image = Image.open(path).convert("RGB")
            for number, tile in enumerate(TILES.cut(*image.size)):
                placed = [(region.label, tile.place(region.box, image.size)) for region in photo.regions]
                objects = tuple((label, box.clip()) for label, box in placed if is_visible(box))
                part = image.crop((tile.left, tile.top, tile.right, tile.bottom))
                yield Scene(f"{photo.task_id}-{number:02d}", part, objects)


DATA = {
    "composed": StudyData(
        labels=tuple(composed.CLASSES),
        image_size=224,
        pool=composed.compose_pool,
        held_out=lambda count: composed.compose_held_out(count, seed=0),
    ),
    "shifted": StudyData(
        labels=shifted.CLASSES,
        image_size=160,
        pool=shifted.compose_pool,
        held_out=lambda count: shifted.compose_held_out(count, shifted.CLASSES),
        earlier=lambda count: shifted.compose_held_out(count, shifted.FIRST),
    ),
    "aerial": StudyData(
        labels=(aerial_photos.LABEL,),
        image_size=256,
        pool=lambda count, _: list(cut_aerial(Side.TRAIN))[:count],
        held_out=lambda count: list(cut_aerial(Side.HELD_OUT))[:count],
    ),
}


def write_images(folder: Path, scenes: Sequence[Scene]) -> list[str]:
    """Write images into a folder, and return their names."""
    folder.mkdir(parents=True, exist_ok=True)
    names = []
    for scene in scenes:
        names.append(f"{scene.name}.jpg")
        scene.image.save(folder / names[-1], "JPEG", quality=90)
    return names


@dataclass(frozen=True, slots=True)
class HeldOut:
    """What versions are measured on: the `data.yaml` of all held-out images, and of the *earlier* ones."""

    whole: Path
    earlier: Path | None

    @classmethod
    def write(cls, folder: Path, data: StudyData, count: int) -> HeldOut:
        """Write *count* images of each kind into a folder."""
        whole = write_dataset(folder / "held_out", data.labels, data.held_out(count))
        earlier = write_dataset(folder / "earlier", data.labels, data.earlier(count)) if data.earlier else None
        return cls(whole, earlier)
