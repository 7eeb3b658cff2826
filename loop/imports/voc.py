"""
Reads a dataset in Pascal VOC's format; the SDK has no importer for it.

Coordinates are taken as distances from the top left corner, as LabelImg, CVAT and Label Studio write them. VOC's own
files begin to count at 1; read so, their boxes lie one pixel further right and below.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from xml.etree.ElementTree import Element, ParseError

from defusedxml import DefusedXmlException
from defusedxml.ElementTree import fromstring

from loop.errors import PayloadError
from loop.imports.foreign import BoxNote, ForeignBox, ForeignDataset, ForeignImage, enclose, read_number
from loop.imports.image_folder import ImageFolder

SIDES = ("xmin", "ymin", "xmax", "ymax")


def read_voc(root: Path) -> ForeignDataset:
    """
    Read the XML files of a folder, and find the images that they name in the folder. Raises PayloadError.

    An XML file that is no `<annotation>` is skipped. Difficult objects are taken, deleted objects, which LabelMe marks,
    are left out; both are counted.
    """
    folder = ImageFolder(root)
    files = folder.list_files(".xml")
    if not files:
        raise PayloadError(str(root), "XML files with an <annotation> of an image each", "no XML file")

    def read() -> Iterator[ForeignImage]:
        for name in files:
            image = _read_file(folder, name)
            if image is not None:
                yield image

    return ForeignDataset(folder.root, read)


def _read_file(folder: ImageFolder, name: str) -> ForeignImage | None:
    """Read one file; None if it is XML of another kind."""
    file = PurePosixPath(name)
    parent = str(file.parent).removeprefix(".")
    above = str(file.parent.parent).removeprefix(".")
    beside = (parent, f"{above}/JPEGImages", f"{above}/images", f"{parent}/images")
    try:
        root = fromstring(folder.path(name).read_bytes())
    except (ParseError, DefusedXmlException, ValueError, LookupError, OSError) as error:
        path, missing = folder.find(file.stem, beside)
        return ForeignImage(name, path, unread=(f"{name}: expected XML, found {error}",), missing=missing)
    if root.tag != "annotation":
        return None
    path, missing = None, ""
    for wanted in (_text(root, "filename"), file.stem):
        if path is None and wanted:
            path, why = folder.find(wanted, beside, parent)
            missing = missing or why
    shown = path.relative_to(folder.root).as_posix() if path else name
    boxes, notes, unread = list[ForeignBox](), Counter[BoxNote](), list[str]()
    for number, item in enumerate(root.iter("object"), start=1):
        if _text(item, "deleted") == "1":
            notes[BoxNote.DELETED] += 1
            continue
        try:
            boxes.append(_read_object(item, f"{name} object {number}", notes))
        except PayloadError as error:
            unread.append(str(error))
    try:
        frame = _read_size(root, name)
    except PayloadError as error:
        frame, unread = None, [*unread, str(error)]
    return ForeignImage(shown, path, tuple(boxes), frame, notes=+notes, unread=tuple(unread), missing=missing)


def _read_object(item: Element, where: str, notes: Counter[BoxNote]) -> ForeignBox:
    """Read an object. Raises PayloadError."""
    label, bounds = _text(item, "name"), item.find("bndbox")
    if not label:
        raise PayloadError(f"{where} name", "the name of a class", label)
    if bounds is None:
        raise PayloadError(f"{where} bndbox", "xmin, ymin, xmax and ymax", "none")
    x0, y0, x1, y1 = (read_number(_text(bounds, side) or None, f"{where} {side}") for side in SIDES)
    notes[BoxNote.SWAPPED] += x0 > x1 or y0 > y1
    notes[BoxNote.DIFFICULT] += _text(item, "difficult") == "1"
    return ForeignBox(label, enclose([(x0, y0), (x1, y1)]))


def _read_size(root: Element, where: str) -> tuple[float, float] | None:
    """Return the declared size; None if there is none, or one of 0. Raises PayloadError."""
    size = root.find("size")
    texts = [_text(size, side) for side in ("width", "height")] if size is not None else []
    if not texts or any(text in ("", "0") for text in texts):
        return None
    width, height = (read_number(text, f"{where} size") for text in texts)
    if width <= 0 or height <= 0:
        raise PayloadError(f"{where} size", "a positive width and height", f"{width:g} x {height:g}")
    return width, height


def _text(tag: Element, name: str) -> str:
    return (tag.findtext(name) or "").strip()
