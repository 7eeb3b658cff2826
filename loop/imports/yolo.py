"""
Reads a dataset in YOLO's format.

The SDK's importer is not used: it reads the first four numbers of a polygon as a box, knows no folders `train` and
`val` and no `data.yaml`, and ends at the first class id without a name. datumaro needs some forty packages.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import ClassVar

import yaml

from loop.errors import PayloadError
from loop.imports.foreign import BoxNote, ForeignBox, ForeignDataset, ForeignImage, enclose, read_number
from loop.imports.image_folder import ImageFolder
from loop.label_studio.classes import join_names
from loop.regions import Box
from loop.storage.text_file import read_text
from loop.yaml_text import load

MOST_OUTSIDE = 1.01  # a coordinate that is larger is no fraction of the image, but perhaps a pixel
ROUNDING = 1e-6  # a box sticks out of the image by as much where its six digits were rounded
LISTS = ("classes.txt", "obj.names", "_darknet.labels")
NO_LABELS = frozenset((*LISTS, "train.txt", "val.txt", "valid.txt", "test.txt"))
EXPECTED = "a data.yaml with the names of the classes, or a classes.txt"


def read_yolo(root: Path) -> ForeignDataset:
    """
    Read a folder of images with label files.

    The label file of `…/images/…/a.jpg` is `…/labels/…/a.txt`, else `a.txt` beside the image; images that share one,
    as `a.jpg` and `a.png` do, are unread. Paths in a `data.yaml` are not followed. An image without a label file is not
    labelled; one with an empty file shows nothing. Raises PayloadError.
    """
    folder = ImageFolder(root)
    names, boxes_first = _read_names(folder)
    texts = [name for name in folder.list_files(".txt") if _file_name(name) not in LISTS]
    named = {str(PurePosixPath(name).with_suffix(".txt")): name for name in texts}  # they may end in .TXT
    label_file_of = {image: _find_label_file(image, named) for image in folder.images}
    of_images = set(label_file_of.values())
    label_files = {name for name in texts if name in of_images or _is_label_file(name)}  # an image may be test.jpg
    if not label_files:
        raise PayloadError(str(root), "label files, such as labels/train/a.txt for images/train/a.jpg", "none")

    images_of: dict[str, list[str]] = {}
    for image, label_file in label_file_of.items():
        images_of.setdefault(label_file or image, []).append(image)

    def read() -> Iterator[ForeignImage]:
        for image, label_file in label_file_of.items():
            labelled = _read_image(folder, image, label_file, names, boxes_first=boxes_first)
            images = images_of[label_file or image]
            shared = (f"{label_file} may be of any of {join_names(images)}",) if len(images) > 1 else ()
            yield replace(labelled, unread=(*shared, *labelled.unread))
        for label_file in sorted(label_files - images_of.keys()):
            labelled = _read_image(folder, label_file, label_file, names, boxes_first=boxes_first)
            yield ForeignImage(
                labelled.name,
                None,
                labelled.boxes,
                notes=labelled.notes,
                unread=labelled.unread,
                missing="no image of this name in the folder",
            )

    return ForeignDataset(folder.root, read)


def _file_name(name: str) -> str:
    return PurePosixPath(name).name.lower()


def _is_label_file(name: str) -> bool:
    return _file_name(name) not in NO_LABELS and not _file_name(name).startswith("readme")


def _find_label_file(image: str, label_files: Mapping[str, str]) -> str | None:
    parts = PurePosixPath(image).with_suffix(".txt").parts
    places = [place for place, part in enumerate(parts[:-1]) if part == "images"]
    candidates = ["/".join((*parts[:place], "labels", *parts[place + 1 :])) for place in reversed(places)]
    return next((label_files[name] for name in (*candidates, "/".join(parts)) if name in label_files), None)


def _read_image(
    folder: ImageFolder, name: str, label_file: str | None, names: Mapping[int, str], *, boxes_first: bool
) -> ForeignImage:
    path = folder.path(name)
    if label_file is None:
        return ForeignImage(name, path, is_labelled=False)
    boxes, notes, unread = list[ForeignBox](), Counter[BoxNote](), list[str]()
    try:
        lines = read_text(folder.path(label_file), "lines of numbers").splitlines()
    except PayloadError as error:
        return ForeignImage(name, path, unread=(str(error),))
    for number, line in enumerate(lines, start=1):
        if line.strip():
            try:
                box, is_enclosed = _read_line(line, names, f"{label_file} line {number}", boxes_first=boxes_first)
            except PayloadError as error:
                unread.append(str(error))
                continue
            boxes.append(box)
            notes[BoxNote.ENCLOSED] += is_enclosed
    return ForeignImage(name, path, tuple(boxes), notes=+notes, unread=tuple(unread))


def _read_line(line: str, names: Mapping[int, str], where: str, *, boxes_first: bool) -> tuple[ForeignBox, bool]:
    """Return the box of a line, and whether it encloses a polygon. Raises PayloadError."""
    first, *texts = line.split()
    numbers = [read_number(text, where) for text in texts]
    label = names.get(_read_class(first))
    if label is None:
        raise PayloadError(where, f"a class from 0 to {max(names)} that has a name", first)
    is_box = boxes_first or len(numbers) in (4, 5)
    if len(numbers) < 4 or not (is_box or len(numbers) % 2 == 0):
        raise PayloadError(where, "class x y width height, or class and the points of a polygon", line.strip())
    places = numbers[:4] if is_box else numbers
    if not all(-MOST_OUTSIDE + 1 <= number <= MOST_OUTSIDE for number in places):
        raise PayloadError(where, "fractions of the image, from 0 to 1", line.strip())
    if len(numbers) == 6 and texts[5] in ("0", "1") and not boxes_first and _is_box(places):
        raise PayloadError(where, "no more than a confidence after a box: this may be a track id", line.strip())
    if not is_box:
        return ForeignBox(label, enclose(list(zip(places[::2], places[1::2], strict=True)))), True
    x, y, width, height = places
    if width < 0 or height < 0:
        raise PayloadError(where, "a width and a height of at least 0", line.strip())
    horizontal, vertical = _sides(x, width), _sides(y, height)
    score = numbers[4] if len(numbers) == 5 and not boxes_first else None
    if score is not None and not 0 <= score <= 1:
        raise PayloadError(where, "a confidence from 0 to 1", line.strip())
    return ForeignBox(label, Box(horizontal[0], vertical[0], horizontal[1], vertical[1]), score), False


def _is_box(places: Sequence[float]) -> bool:
    """Whether the first four of *places* may be a box on the image, and not the first two points of a polygon."""
    x, y, width, height = places[:4]
    return all(-ROUNDING <= side <= 1 + ROUNDING for side in (*_sides(x, width), *_sides(y, height)))


def _read_class(text: str) -> int:
    """Return a class id, which programs also write as `0.0`; -1 for anything else."""
    try:
        number = float(text)
    except ValueError:
        return -1
    return int(number) if number.is_integer() else -1


def _sides(centre: float, extent: float) -> tuple[float, float]:
    """
    Return the two sides of a box.

    The side that rounding to six digits put outside of the image is its edge; the other is where the same two numbers
    are written again.
    """
    if extent == ROUNDING:  # the least that six digits tell from nothing
        extent *= 1.2
    low, high = centre - extent / 2, centre + extent / 2
    if -ROUNDING <= low < 0 and high < 1:
        return 0.0, _same_digits(centre, extent)
    if 1 < high <= 1 + ROUNDING and low > 0:
        return 1 - _same_digits(1 - centre, extent), 1.0
    return (0.0 if -ROUNDING <= low < 0 else low), (1.0 if 1 < high <= 1 + ROUNDING else high)


def _same_digits(centre: float, extent: float) -> float:
    """Return the far side of a box that begins at an edge: half of it rounds to *centre*, all of it to *extent*."""
    least = max(2 * centre - ROUNDING, extent - ROUNDING / 2)
    most = min(2 * centre + ROUNDING, extent + ROUNDING / 2)
    return (least + most) / 2


class _TextLoader(yaml.SafeLoader):  # type: ignore[misc]  # PyYAML has no types
    """Loads every value without quotes as text: `no`, `007` and `1.10` are names of classes."""

    yaml_implicit_resolvers: ClassVar[dict[str, object]] = {}


def _read_names(folder: ImageFolder) -> tuple[dict[int, str], bool]:
    """
    Return the names of the classes by id, and whether each line begins with a box.

    A `data.yaml` comes first, then the other YAML files beside it, then the lists. Raises PayloadError, also if two
    files name a class differently.
    """
    yaml_files = [name for name in folder.list_files(".yaml", ".yml") if "/" not in name]
    own = [name for name in yaml_files if name.lower().startswith("data.")]
    for some in (own[:1], [name for name in yaml_files if name not in own[:1]]):
        read = {name: data for name in some if (data := _read_data_file(folder.path(name)))}
        if read:
            names = _join_names(folder, {name: names for name, (names, _) in read.items()})
            return names, any(boxes_first for _, boxes_first in read.values())
    lists = [name for name in folder.files if _file_name(name) in LISTS]
    names = _join_names(folder, {name: _read_list(folder.path(name)) for name in lists})
    if not names:
        raise PayloadError(str(folder.root), EXPECTED, f"neither, in {len(folder.files)} files")
    return names, False


def _read_list(path: Path) -> dict[int, str]:
    lines = read_text(path, "the names of the classes, one per line").splitlines()
    return {number: line.strip() for number, line in enumerate(lines) if line.strip()}


def _join_names(folder: ImageFolder, lists: Mapping[str, Mapping[int, str]]) -> dict[int, str]:
    """Return the names of all *lists*, which are by file. Raises PayloadError where two differ."""
    joined: dict[int, str] = {}
    for file, names in lists.items():
        for number, name in names.items():
            if joined.setdefault(number, name) != name:
                expected = f"one name of the class {number} in {', '.join(lists)}, or a data.yaml with the names"
                raise PayloadError(str(folder.root), expected, f"{joined[number]}, and {name} in {file}")
    return joined


def _read_data_file(path: Path) -> tuple[dict[int, str], bool] | None:
    """
    Read the names of a data.yaml, as they are written; None if it has none. A class with an empty name has none.

    Raises PayloadError for a file or names of another form.
    """
    where, expected = str(path), "names of the classes: a list, or a mapping of numbers to names"
    try:
        content = load(read_text(path, "YAML"), _TextLoader)
    except ValueError as error:
        raise PayloadError(where, "YAML", str(error)) from error
    if not isinstance(content, Mapping) or "names" not in content:
        return None
    listed = content["names"]
    pairs = list(enumerate(listed)) if isinstance(listed, list) else listed
    pairs = list(pairs.items()) if isinstance(pairs, Mapping) else pairs
    if not isinstance(pairs, list) or not pairs:
        raise PayloadError(where, expected, listed)
    names: dict[int, str] = {}
    for number, name in pairs:
        if not str(number).isascii() or not str(number).isdigit() or not isinstance(name, str):
            raise PayloadError(where, expected, f"{number}: {name}")
        if name.strip():
            names[int(number)] = name
    if not names:
        raise PayloadError(where, expected, "empty names")
    return names, "kpt_shape" in content
