"""Reads the regions of a Label Studio result, names the unread parts, and writes regions as a result. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

from loop.errors import PayloadError
from loop.label_studio.label_config import BOXES, LabelConfig
from loop.label_studio.shapes import NoBox, number, outline
from loop.printable import shorten
from loop.regions import Region, split_by_kind
from loop.storage.storable import fit, is_text

Json = Mapping[str, Any]
NO_SHAPES = frozenset(  # types of results without a shape, even if they repeat the place of a region
    {"choices", "datetime", "number", "pairwise", "ranker", "rating", "relation", "taxonomy", "textarea"}
)
MOST_UNREAD = 50  # unread parts recorded of one result
FIX = "correct it in Label Studio, or delete it there"


class Why(StrEnum):
    """Why a part of a result is not read."""

    NO_CONFIG = "the label config of the project is refused"
    NO_RESULT = "the review holds no list of regions"
    UNKNOWN_LABEL = "a box has a label that is not in the class list"
    NO_LABEL = "a box has no label"
    BROKEN = "a box is not four finite numbers on the image"
    SHAPE = "something was drawn that is not read as a box"


@dataclass(frozen=True, slots=True)
class Unread:
    """A part of a result that may show one of our objects but is not read; *text* says where, why, and the remedy."""

    why: Why
    text: str
    label: str = ""  # for UNKNOWN_LABEL: the label


@dataclass(frozen=True, slots=True)
class Reading:
    """The regions of a result that are ours. With an *unread* part, there may be more regions."""

    regions: tuple[Region, ...] = ()
    unread: tuple[Unread, ...] = ()


def read_result(result: object, config: LabelConfig, where: str) -> Reading:
    """
    Read the regions of a result that are ours; *where* names the annotation or prediction. Never raises.

    Ours are the results of our controls, and shapes of other controls with one of our labels, on the first page of our
    image. Each of them is read as the upright box around it, or named as unread. A result with labels of several kinds
    is a region for each kind, all with its id.
    """
    if config.fault:
        return Reading((), (Unread(Why.NO_CONFIG, f"{where}: {config.fault}"),))
    if not isinstance(result, Sequence) or isinstance(result, str | bytes):
        text = f"{where} result: expected a list of regions, found {shorten(result)}; submit it again in Label Studio"
        return Reading((), (Unread(Why.NO_RESULT, text),))
    regions, unread = list[Region](), list[Unread]()
    drawn = list[_Drawn]()
    for index, item in enumerate(result):
        at = f"{where} result[{index}]"
        if not isinstance(item, Mapping):
            unread.append(Unread(Why.BROKEN, f"{at}: expected a region, found {shorten(item)}; {FIX}"))
        elif _may_be_ours(item, config):
            drawn.append(_Drawn.of(item, at))
    for shape in _pair(_on_our_image(drawn, config)):
        region = _read(shape, config)
        if isinstance(region, Region):
            regions += split_by_kind(region, config.kind_of)
        elif region:
            unread.append(region)
    return Reading(tuple(regions), tuple(unread[:MOST_UNREAD]))


def write_result(regions: Iterable[Region], config: LabelConfig, size: tuple[int, int]) -> list[dict[str, Any]]:
    """Write regions as a result for *config*; *size* is the image's width and height in pixels."""
    written: list[dict[str, Any]] = []
    for region in regions:
        control, label = config.write_label(region.label)
        box = region.box
        sides = {"x": box.x0, "y": box.y0, "width": box.x1 - box.x0, "height": box.y1 - box.y0}
        item = {
            "id": region.id,
            "from_name": control,
            "to_name": config.to_name,
            "type": BOXES,
            "original_width": size[0],
            "original_height": size[1],
            "image_rotation": 0,
            "value": {**{key: 100 * side for key, side in sides.items()}, "rotation": 0, BOXES: [label]},
        }
        written.append(item if region.score is None else {**item, "score": region.score})
    return written


@dataclass(frozen=True, slots=True)
class _Drawn:
    """A result that may show one of our objects. *texts* are its labels; several lists if its keys disagree."""

    json: Json
    where: str
    id: str
    kind: str
    control: str
    image: str
    texts: list[list[str]]
    paired: tuple[tuple[str, str], ...] = ()  # control and text of `Labels` results for the same region

    @classmethod
    def of(cls, json: Json, where: str) -> _Drawn:
        """Read the parts of a result that tell whether it is ours."""
        kind, control, image = (_text(json, key) for key in ("type", "from_name", "to_name"))
        return cls(json, where, _id(json), kind, control, image, _labels(json.get("value"), kind))


def _may_be_ours(item: Json, config: LabelConfig) -> bool:
    """Tell whether a result may show something on the first page of our image."""
    image, page = _text(item, "to_name"), item.get("item_index")
    is_elsewhere = image != config.to_name and (image in config.others or (config.is_inferred and image != ""))
    is_shape = _text(item, "type") not in NO_SHAPES or _text(item, "from_name") in config.own
    return is_shape and not is_elsewhere and (page is None or (number(page) or 0) <= 0)


def _on_our_image(drawn: list[_Drawn], config: LabelConfig) -> list[_Drawn]:
    """
    Leave out shapes on images that the config lacks, if there are shapes on our image.

    Without any shape on our image, our image may have had another name before: all shapes stay.
    """
    if not any(shape.image == config.to_name for shape in drawn):
        return drawn
    return [shape for shape in drawn if shape.image in ("", config.to_name)]


def _pair(drawn: list[_Drawn]) -> Iterable[_Drawn]:
    """
    Return each region once.

    `Rectangle` with `Labels` makes two results with the same id for one region: the first takes the labels of the
    second.
    """
    if not any(shape.kind == "labels" and shape.id for shape in drawn):
        return drawn
    hosts: dict[str, _Drawn] = {}
    for shape in sorted(drawn, key=lambda shape: shape.kind == "labels"):
        hosts.setdefault(shape.id, shape)
    paired, shapes = dict[str, list[tuple[str, str]]](), list[_Drawn]()
    for shape in drawn:
        if shape.kind != "labels" or not shape.id or hosts[shape.id] is shape:
            shapes.append(shape)
        else:
            paired.setdefault(shape.id, []).extend((shape.control, text) for texts in shape.texts for text in texts)
    return [replace(one, paired=tuple(paired.get(one.id, ()))) if hosts[one.id] is one else one for one in shapes]


def _read(drawn: _Drawn, config: LabelConfig) -> Region | Unread | None:
    """Read one result; None if it is no box of ours."""
    control = drawn.control
    is_ours = control in config.own or (
        drawn.kind == BOXES and control not in config.offered and not config.is_inferred
    )
    named = {text: config.label_of(control, text) for texts in drawn.texts for text in texts}
    for other, text in drawn.paired:
        label = config.label_of(other, text)
        if label or not is_ours:
            named.setdefault(text, label)
    labels = list(dict.fromkeys(label for label in named.values() if label))
    is_here = drawn.image in ("", config.to_name)
    if not (is_ours or config.is_inferred or (labels if named else is_here and config.can_label(control))):
        return None
    return _label_problem(drawn, named, config, is_ours=is_ours) or _region(drawn, labels, config)


def _label_problem(
    drawn: _Drawn, named: Mapping[str, str | None], config: LabelConfig, *, is_ours: bool
) -> Unread | None:
    """Return the problem with the labels of a result; *named* maps each text to the label of ours that it means."""
    where = drawn.where
    if config.is_inferred and not is_ours:
        kind = shorten(drawn.kind or "region")
        return Unread(Why.SHAPE, f"{where}: {kind} of another control: --label-config tells what it means")
    if len(drawn.texts) > 1:
        return Unread(Why.NO_LABEL, f"{where}.value: expected labels under one key, found several that differ; {FIX}")
    if not named:
        kind = shorten(drawn.kind or "region")
        return Unread(Why.NO_LABEL, f"{where}: {kind} without a label; give it one, or delete it")
    if None not in named.values() or not is_ours:
        return None
    unknown = next(shorten(text) for text, label in named.items() if label is None)
    advice = "add it to the label config, or give the box another label in Label Studio"
    return Unread(Why.UNKNOWN_LABEL, f"{where}: the label {unknown} is in no class list; {advice}", unknown)


def _region(drawn: _Drawn, labels: Sequence[str], config: LabelConfig) -> Region | Unread:
    where, image = drawn.where, drawn.image
    if image not in ("", config.to_name):
        text = f"{where}: drawn on {shorten(image)}, a name that the label config lacks: its image is {config.to_name}"
        return Unread(Why.SHAPE, f"{text}; give the image its old name back, or delete the region")
    try:
        shape = outline(drawn.json, where)
    except NoBox as error:
        return Unread(Why.SHAPE, f"{where}: {error}; draw a rectangle with the label {shorten(labels[0])} in its place")
    except PayloadError as error:
        return Unread(Why.BROKEN, f"{error}; {FIX}")
    return Region(
        id=drawn.id,
        box=shape.box,
        label=labels[0],
        score=number(drawn.json.get("score")),
        rotation=shape.rotation,
        further_labels=tuple(labels[1:]),
        shape=shape.shape,
    )


def _labels(value: object, kind: str) -> list[list[str]]:
    """Return the labels under the key of their kind or, as in older exports, another; several lists if they differ."""
    lists: list[list[str]] = []
    for key, named in value.items() if isinstance(value, Mapping) else ():
        if key == kind or (isinstance(key, str) and key.endswith("labels")):
            texts = _texts(named)
            if texts and texts not in lists:
                lists.append(texts)
    return lists


def _texts(value: object) -> list[str]:
    """Return labels as texts; a single label may come without a list, and a value that is no text is written as one."""
    values = value if isinstance(value, list | tuple) else [value]
    return [text if isinstance(text, str) else shorten(text) for text in values if text is not None and text != ""]


def _text(item: Json, key: str) -> str:
    value = item.get(key)
    return value if isinstance(value, str) else ""


def _id(item: Json) -> str:
    """Return the id of a region, at most LONGEST_NAME characters; empty if it has none, or one that is no text."""
    value = item.get("id")
    value = str(value) if isinstance(value, int) and not isinstance(value, bool) and abs(value) < 2**63 else value
    return fit(value) if is_text(value) else ""
