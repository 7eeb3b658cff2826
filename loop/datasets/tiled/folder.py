"""
The tiles of a dataset on disk: `tiles/` in its folder, a YOLO dataset of its own.

`items.jsonl` has a line for each tile: its image and place, and the hashes of its two files. The files are made of the
images of the dataset alone, by the same bytes on every machine: BMP, without loss and without a compression that could
change.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any

from loop.datasets.snapshots import Item
from loop.datasets.splits import Side
from loop.datasets.tiled.plan import PlannedTile, choose_tiles, plan_tiles
from loop.datasets.tiled.policy import TILES
from loop.datasets.yolo_format import read_lines, write_data_file
from loop.errors import ImageError, PoisonedSnapshot
from loop.label_studio.classes import ClassIndex
from loop.storage.files import link_file, sha256_of
from loop.vision.tiling.tiles import Tile, Tiling

if TYPE_CHECKING:
    from loop.regions import Pixels

LISTED, DATA = "items.jsonl", "data.yaml"
SUFFIX = ".bmp"


@dataclass(frozen=True, slots=True)
class TileWork:
    """How a dataset is cut: *background_share* of its tiles may be empty, those of *hard* tasks first."""

    tiling: Tiling
    background_share: float
    hard: Collection[int] = ()


@dataclass(frozen=True, slots=True)
class TileItem:
    """
    One tile of a dataset, as `items.jsonl` has it: its *place* in pixels of the image *of* the dataset.

    *source* is the SHA-256 of that image; *image* and *labels* are those of the files of the tile.
    """

    task: int
    side: Side
    of: str
    source: str
    place: tuple[int, int, int, int]
    image: str
    labels: str
    boxes: int

    @property
    def name(self) -> str:
        """The name of its two files, without their suffixes."""
        return f"{self.of.rsplit('.', 1)[0]}-{self.place[0]:05d}-{self.place[1]:05d}"

    def image_file(self, folder: Path) -> Path:
        """The file of its image in the folder of a dataset."""
        return folder / TILES / "images" / self.side / f"{self.name}{SUFFIX}"

    def labels_file(self, folder: Path) -> Path:
        """The file of its labels in the folder of a dataset."""
        return folder / TILES / "labels" / self.side / f"{self.name}.txt"

    def as_json(self) -> dict[str, Any]:
        """The item as plain JSON."""
        return {name: getattr(self, name) for name in self.__slots__}


def cut_tiles(
    folder: Path, items: Sequence[Item], classes: ClassIndex, work: TileWork, last: Path | None
) -> dict[str, int]:
    """
    Cut the images of a dataset in *folder*, one image in memory at a time; return how many tiles and boxes they have.

    All tiles of an image are on its side. Tiles of the same images in the *last* dataset are linked.
    """
    known = {(tile.source, tile.place): (tile, last) for tile in read_tiles(last)} if last else {}
    counts: Counter[str] = Counter()
    (folder / TILES).mkdir()
    tiling = f"tiling: {json.dumps(work.tiling.as_json())}\n"  # for the hash of the dataset; ultralytics passes over it
    (folder / TILES / DATA).write_text(write_data_file(classes) + tiling, encoding="utf-8")
    with (folder / TILES / LISTED).open("wb") as file:
        for side in Side:
            of_side = [item for item in items if item.side is side and not item.resting]
            for item, planned in _plan_side(folder, of_side, classes, work):
                for tile in _write_tiles(folder, item, planned, known):
                    file.write(json.dumps(tile.as_json(), sort_keys=True).encode() + b"\n")
                    counts[side.value] += 1
                    counts["empty"] += not tile.boxes
                counts["clipped boxes"] += sum(tile.clipped for tile in planned)
    return dict(counts)


def read_tiles(folder: Path) -> Iterator[TileItem]:
    """Yield the tiles of a dataset; none if it was not cut. Raises PoisonedSnapshot at a line that cannot be read."""
    path = folder / TILES / LISTED
    try:
        if not path.exists():
            return
        with path.open(encoding="utf-8") as file:
            for line in file:
                values = json.loads(line)
                yield TileItem(**{**values, "side": Side(values["side"]), "place": tuple(values["place"])})
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise PoisonedSnapshot(str(folder), {}, f"{TILES}/{LISTED} cannot be read: {error}") from error


def restore_images(folder: Path) -> None:
    """Cut the images of the tiles that are listed, from the images of the dataset."""
    for (side, of), tiles in groupby(read_tiles(folder), key=lambda tile: (tile.side, tile.of)):
        missing = {tile.place: tile for tile in tiles if not tile.image_file(folder).exists()}
        with suppress(ImageError):  # tiles that are missing fail the check of the dataset
            for place, content in _cut(folder / "images" / side / of, [Tile(*place) for place in missing]):
                path = missing[place].image_file(folder)
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(content)


def find_damage(folder: Path) -> tuple[dict[int, str], str]:
    """Return the tasks whose tiles are not as they were written, each with the problem, and a fault of the folder."""
    problems: dict[int, str] = {}
    count = 0
    for tile in read_tiles(folder):
        count += 1
        for path, expected in ((tile.image_file(folder), tile.image), (tile.labels_file(folder), tile.labels)):
            try:
                if sha256_of(path) != expected:
                    problems[tile.task] = f"its tile {path.name} is not as it was written"
            except OSError as error:
                problems[tile.task] = str(error)
    files = sum(1 for kind in ("images", "labels") for side in Side for _ in (folder / TILES / kind / side).glob("*"))
    fault = f"{files - 2 * count} files in {TILES} that do not belong to it" if files > 2 * count else ""
    return problems, fault


def _plan_side(
    folder: Path, items: Iterable[Item], classes: ClassIndex, work: TileWork
) -> Iterator[tuple[Item, list[PlannedTile]]]:
    """Yield the images of a side with the tiles that are chosen of each."""
    from loop.vision.image_files import read_size

    by_task = {item.task: item for item in items}
    planned: list[PlannedTile] = []
    for item in by_task.values():
        labels = folder / "labels" / item.side / f"{item.file.rsplit('.', 1)[0]}.txt"
        regions = read_lines(labels.read_text(), classes.names, labels.name)
        size, is_hard = read_size(folder / "images" / item.side / item.file), item.task in work.hard
        planned += plan_tiles(item.task, regions, size, work.tiling, classes, is_hard=is_hard)
    for task, tiles in groupby(choose_tiles(planned, work.background_share), key=lambda tile: tile.task):
        yield by_task[task], list(tiles)


def _write_tiles(
    folder: Path,
    item: Item,
    planned: Sequence[PlannedTile],
    known: Mapping[tuple[str, tuple[int, int, int, int]], tuple[TileItem, Path]],
) -> Iterator[TileItem]:
    """Write the tiles of one image, and yield them in their order."""
    written: dict[tuple[int, int, int, int], str] = {}
    missing: list[Tile] = []
    items = [_list_tile(item, tile) for tile in planned]
    for tile, plan in zip(items, planned, strict=True):
        for path in (tile.image_file(folder), tile.labels_file(folder)):
            path.parent.mkdir(parents=True, exist_ok=True)
        tile.labels_file(folder).write_text(plan.text)
        before = known.get((tile.source, tile.place))
        if before and link_file(before[0].image_file(before[1]), tile.image_file(folder)):
            written[tile.place] = before[0].image
        else:
            missing.append(plan.tile)
    by_place = {tile.place: tile for tile in items}
    for place, content in _cut(folder / "images" / item.side / item.file, missing):
        by_place[place].image_file(folder).write_bytes(content)
        written[place] = hashlib.sha256(content).hexdigest()
    for tile in items:
        yield TileItem(**{**tile.as_json(), "image": written[tile.place]})


def _list_tile(item: Item, planned: PlannedTile) -> TileItem:
    tile, labels = planned.tile, hashlib.sha256(planned.text.encode()).hexdigest()
    place = (tile.left, tile.top, tile.right, tile.bottom)
    return TileItem(item.task, item.side, item.file, item.image, place, "", labels, planned.boxes)


def _cut(image: Path, tiles: Sequence[Tile]) -> Iterator[tuple[tuple[int, int, int, int], bytes]]:
    """Yield the place and the content of each tile of an image; nothing is decoded where there is none."""
    if not tiles:
        return
    from loop.vision.image_files import borrow_prepared

    with borrow_prepared(image) as pixels:
        for tile in tiles:
            yield (tile.left, tile.top, tile.right, tile.bottom), _encode(tile.cut(pixels))


def _encode(pixels: Pixels) -> bytes:
    import cv2

    return cv2.imencode(SUFFIX, pixels)[1].tobytes()
