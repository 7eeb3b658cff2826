"""
Reads a dataset in COCO's format.

The SDK's importer is not used: it fails at a mask in RLE, takes a crowd for an object, makes two regions of each object
that has a polygon, and ends at the first category or image that is missing.
"""

from __future__ import annotations

import json
import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path, PurePosixPath
from typing import Any, TypeAlias

from loop.errors import PayloadError
from loop.imports.foreign import BoxNote, ForeignBox, ForeignDataset, ForeignImage, enclose, read_number
from loop.imports.image_folder import ImageFolder
from loop.printable import shorten
from loop.regions import Box
from loop.storage.text_file import read_text

INSTANCES = "instances"  # how the file of COCO itself begins that has the boxes
NUMBER = re.compile(r"0|-?[1-9][0-9]{0,17}")
PARTS = ("images", "annotations", "categories")
EXPECTED = "a JSON file with `images`, `annotations` and `categories`"
MOST_UNREAD = 3  # unread parts of one image that are named

Id: TypeAlias = int | str


@dataclass(frozen=True, slots=True)
class _Object:
    """An annotation without its mask, which can be a hundred times as large as its box."""

    id: object
    image: object
    category: object
    box: object
    points: tuple[float, float, float, float] | None  # around its polygons
    is_crowd: bool
    score: object


_NOTHING = _Object(None, None, None, None, None, is_crowd=False, score=None)


def read_coco(root: Path) -> ForeignDataset:
    """
    Read the JSON files of a folder, and find the images that they name in the folder. Raises PayloadError.

    A crowd is left out and counted. An object has its `bbox`, if it has an extent, else the box around its polygons. An
    image is unread if its objects cannot be told from those of others: it has no id, or that of another file, or an
    object names no image.
    """
    folder = ImageFolder(root)
    files = folder.list_files(".json")
    instances = [name for name in files if PurePosixPath(name).name.startswith(INSTANCES)]
    chosen = [name for name in instances or files if _is_coco(folder.path(name))]
    if not chosen:
        raise PayloadError(str(root), EXPECTED, f"none of them in {len(files)} JSON files" if files else "no JSON file")

    def read() -> Iterator[ForeignImage]:
        for name in chosen:
            yield from _read_file(folder, name)

    return ForeignDataset(folder.root, read)


def _is_coco(path: Path) -> bool:
    content = _load(path)
    lists = [content.get(key) for key in PARTS] if isinstance(content, Mapping) else [None]
    return all(isinstance(part, list) for part in lists) and bool(content["categories"])


def _read_file(folder: ImageFolder, name: str) -> Iterator[ForeignImage]:
    content = _load(folder.path(name))
    categories = _read_categories(content["categories"])
    objects: dict[Id | None, list[_Object]] = defaultdict(list)
    for item in content["annotations"]:
        known = item if isinstance(item, _Object) else _NOTHING
        objects[_read_id(known.image)].append(known)
    images = _list_images(content["images"])
    files_of = Counter(_read_id(fields.get("id")) for fields in images)
    lost = objects.pop(None, []) if objects.keys() & files_of.keys() else [*chain.from_iterable(objects.values())]
    beside = (str(PurePosixPath(name).parent).removeprefix("."), "", "images")
    for fields in images:
        image_id, file_name = _read_id(fields.get("id")), fields.get("file_name")
        is_told_apart = image_id is not None and files_of[image_id] == 1
        own = objects.get(image_id, []) if is_told_apart else []
        text = file_name if isinstance(file_name, str) else ""
        path, missing = folder.find(text, beside, PurePosixPath(name).stem)
        shown = path.relative_to(folder.root).as_posix() if path else shorten(text or f"image {image_id}")
        image = _read_image(shown, path, missing, fields, own, categories, name)
        unread = list(image.unread)
        if not is_told_apart:
            found = "none" if image_id is None else f"{shorten(image_id)} for {files_of[image_id]} images"
            unread.append(f"{name} images: expected an id for each image, found {found}")
        if lost:
            unread.append(f"{name}: {len(lost)} of `annotations` may be of this image: their `image_id` is no image's")
        yield replace(image, unread=tuple(unread))
    for image_id, own in objects.items():
        if image_id not in files_of:
            missing = f"the image {shorten(image_id)} is not among `images`"
            yield _read_image(f"{name}: image {shorten(image_id)}", None, missing, {}, own, categories, name)


def _list_images(listed: Sequence[object]) -> list[Mapping[str, Any]]:
    """Return the images of a file; one that is listed twice under the same id and name once."""
    images: dict[object, Mapping[str, Any]] = {}
    for place, image in enumerate(listed):
        fields = image if isinstance(image, Mapping) else {}
        image_id = _read_id(fields.get("id"))
        images.setdefault((image_id, place if image_id is None else str(fields.get("file_name"))), fields)
    return list(images.values())


def _read_categories(listed: Sequence[object]) -> dict[Id, object]:
    """Return the names of the categories by id; None for an id with several names."""
    names: dict[Id, object] = {}
    for category in listed:
        number = _read_id(category.get("id")) if isinstance(category, Mapping) else None
        if isinstance(category, Mapping) and number is not None:
            name = category.get("name")
            names[number] = name if names.get(number, name) == name else None
    return names


def _read_id(value: object) -> Id | None:
    """Return an id in one form, as programs write 7, 7.0 and "7" for the same; None for anything else."""
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, str):
        return int(value) if NUMBER.fullmatch(value) else value or None
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _read_image(
    name: str,
    path: Path | None,
    missing: str,
    fields: Mapping[str, Any],
    objects: Sequence[_Object],
    categories: Mapping[Id, object],
    where: str,
) -> ForeignImage:
    boxes, notes, unread = list[ForeignBox](), Counter[BoxNote](), list[str]()
    for item in objects:
        if item.is_crowd:
            notes[BoxNote.CROWD] += 1
            continue
        try:
            box, is_enclosed = _read_object(item, categories, f"{where} annotation {shorten(item.id)}")
        except PayloadError as error:
            unread.append(str(error))
            continue
        boxes.append(box)
        notes[BoxNote.ENCLOSED] += is_enclosed
    try:
        frame = _read_size(fields, name) if path or fields else None
    except PayloadError as error:
        frame, unread = None, [*unread, str(error)]
    return ForeignImage(name, path, tuple(boxes), frame, notes=+notes, unread=tuple(unread), missing=missing)


def _read_object(item: _Object, categories: Mapping[Id, object], where: str) -> tuple[ForeignBox, bool]:
    """Return the box of an object, and whether it encloses a polygon. Raises PayloadError."""
    number = _read_id(item.category)
    label = categories.get(number) if number is not None else None
    if not isinstance(label, str) or not label.strip():
        raise PayloadError(f"{where} category_id", "a category that has one name", item.category)
    score = None if item.score is None else read_number(item.score, f"{where} score")
    if score is not None and not 0 <= score <= 1:
        raise PayloadError(f"{where} score", "a number from 0 to 1", item.score)
    if isinstance(item.box, list) and item.box:
        if len(item.box) != 4:
            raise PayloadError(f"{where} bbox", "x, y, width and height", item.box)
        x, y, width, height = (read_number(number, f"{where} bbox") for number in item.box)
        if width < 0 or height < 0:
            raise PayloadError(f"{where} bbox", "a width and a height of at least 0", item.box)
        return ForeignBox(label, Box(x, y, x + width, y + height), score), False
    if item.points is None:
        raise PayloadError(f"{where} bbox", "x, y, width and height, or polygons", item.box)
    return ForeignBox(label, Box(*item.points), score), True


def _read_size(fields: Mapping[str, Any], where: str) -> tuple[float, float] | None:
    """Return the declared size; None if there is none, or one of 0. Raises PayloadError."""
    width, height = fields.get("width"), fields.get("height")
    if not width or not height:
        return None
    size = (read_number(width, f"{where} width"), read_number(height, f"{where} height"))
    if min(size) <= 0:
        raise PayloadError(f"{where} width, height", "positive numbers", f"{width}, {height}")
    return size


def _load(path: Path) -> Any:
    """Load a JSON file with annotations as _Object: their masks are dropped while it is read. Raises PayloadError."""
    try:
        return json.loads(read_text(path, "JSON"), object_hook=_shrink)
    except (ValueError, RecursionError) as error:
        raise PayloadError(str(path), "JSON", str(error)) from error


def _shrink(item: dict[str, Any]) -> object:
    if "image_id" not in item:
        return item
    box = item.get("bbox")
    points = _around(item.get("segmentation")) if _is_blank(box) else None
    return _Object(
        id=item.get("id"),
        image=item["image_id"],
        category=item.get("category_id"),
        box=[] if points else box,
        points=points,
        is_crowd=str(item.get("iscrowd") or 0).lower() not in ("0", "false"),
        score=item.get("score"),
    )


def _is_blank(box: object) -> bool:
    """Whether a `bbox` is missing, or has no extent: some programs write zeros beside a polygon."""
    return not box or (isinstance(box, list) and any(side in (0, "0") for side in box[2:4]))


def _around(polygons: object) -> tuple[float, float, float, float] | None:
    """Return the sides of the box around polygons; None for a mask of another form."""
    points: list[tuple[float, float]] = []
    for polygon in polygons if isinstance(polygons, list) else ():
        if not isinstance(polygon, list) or len(polygon) % 2:
            return None
        try:
            numbers = [read_number(number, "segmentation") for number in polygon]
        except PayloadError:
            return None
        points += zip(numbers[::2], numbers[1::2], strict=True)
    box = enclose(points) if points else None
    return box.sides if box else None
