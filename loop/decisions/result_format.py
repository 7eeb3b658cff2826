"""A Label Studio result to our regions and back: what of it is ours, what of that is not read, and why. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from loop.decisions.label_config import BOXES, LabelConfig
from loop.decisions.regions import Region
from loop.decisions.shapes import NoBox, number, outline
from loop.decisions.storable import is_text
from loop.errors import PayloadError, shorten

Json = Mapping[str, Any]
NO_SHAPES = frozenset(  # types of results that show nothing on an image, though those of a region carry its place
    {"choices", "datetime", "number", "pairwise", "ranker", "rating", "relation", "taxonomy", "textarea"}
)
FIX = "correct it in Label Studio, or delete it there"


class Why(StrEnum):
    """Why something in a result is not read."""

    NO_CONFIG = "the label config of the project is refused"
    NO_RESULT = "the review holds no list of regions"
    UNKNOWN_LABEL = "a box has a label that is not in the class list"
    NO_LABEL = "a box has no label"
    BROKEN = "a box is not four finite numbers on the image"
    SHAPE = "something was drawn that is not read as a box"


@dataclass(frozen=True, slots=True)
class Unread:
    """Something that may show one of our objects and was not read; *text* says where, what, and what to do."""

    why: Why
    text: str
    label: str = ""  # where it is the label that nobody knows


@dataclass(frozen=True, slots=True)
class Reading:
    """The regions of a result that are ours, and what was not read of it: then the regions are not all there are."""

    regions: tuple[Region, ...] = ()
    unread: tuple[Unread, ...] = ()


def read_result(result: object, config: LabelConfig, where: str) -> Reading:
    """
    Read the regions of a result that are ours; *where* names the annotation or prediction. Never raises.

    Ours are the results of our controls, and shapes of others with one of our labels, on our image and its first page.
    Each of them is either read, as the upright box around it, or named.
    """
    if config.fault:
        return Reading((), (Unread(Why.NO_CONFIG, f"{where}: {config.fault}"),))
    if not isinstance(result, Sequence) or isinstance(result, str | bytes):
        text = f"{where} result: expected a list of regions, found {shorten(result)}; submit it again in Label Studio"
        return Reading((), (Unread(Why.NO_RESULT, text),))
    read = [_read(drawn, config) for drawn in _drawn(result, config, where)]
    return Reading(
        tuple(one for one in read if isinstance(one, Region)),
        tuple(one for one in read if isinstance(one, Unread)),
    )


def write_result(regions: Sequence[Region], config: LabelConfig, size: tuple[int, int]) -> list[dict[str, Any]]:
    """Write regions as a result for *config*; *size* is the image's width and height in pixels."""
    return [_written(region, config, size) for region in regions]


def _written(region: Region, config: LabelConfig, size: tuple[int, int]) -> dict[str, Any]:
    control, label = config.written(region.label)
    return {
        "id": region.id,
        "from_name": control,
        "to_name": config.to_name,
        "type": BOXES,
        "original_width": size[0],
        "original_height": size[1],
        "image_rotation": 0,
        "value": {
            "x": 100 * region.box.x0,
            "y": 100 * region.box.y0,
            "width": 100 * (region.box.x1 - region.box.x0),
            "height": 100 * (region.box.y1 - region.box.y0),
            "rotation": 0,
            BOXES: [label],
        },
        **({} if region.score is None else {"score": region.score}),
    }


@dataclass(frozen=True, slots=True)
class _Drawn:
    """One result that may show an object of ours, with what `Labels` call its region: their controls and texts."""

    json: object
    where: str
    paired: tuple[tuple[str, str], ...] = ()


def _drawn(result: Sequence[object], config: LabelConfig, where: str) -> list[_Drawn]:
    """
    The results that may show an object on our image, each region once.

    `Rectangle` with `Labels` makes two results of one region, with one id: the labels of the second go to the first.
    """
    places = [(f"{where} result[{index}]", one) for index, one in enumerate(result) if _may_be_ours(one, config)]
    hosts: dict[str, int] = {}
    for labels_too in (False, True):
        for index, (_, one) in enumerate(places):
            if isinstance(one, Mapping) and _id(one) and (_text(one, "type") == "labels") == labels_too:
                hosts.setdefault(_id(one), index)
    paired: dict[int, list[tuple[str, str]]] = {}
    guests = set()
    for index, (_, one) in enumerate(places):
        host = hosts.get(_id(one), index) if isinstance(one, Mapping) and _text(one, "type") == "labels" else index
        if host != index and isinstance(one, Mapping):
            guests.add(index)
            pairs = [(_text(one, "from_name"), label) for texts in _labels(one) for label in texts]
            paired.setdefault(host, []).extend(pairs)
    return [
        _Drawn(one, at, tuple(paired.get(index, ()))) for index, (at, one) in enumerate(places) if index not in guests
    ]


def _may_be_ours(one: object, config: LabelConfig) -> bool:
    """Tell whether a result may show something on our image; what is no result at all may."""
    if not isinstance(one, Mapping):
        return True
    image, page = _text(one, "to_name"), number(one.get("item_index")) or 0
    is_elsewhere = image != config.to_name and (image in config.others or (config.is_inferred and image != ""))
    is_shape = _text(one, "type") not in NO_SHAPES or _text(one, "from_name") in config.own
    return is_shape and not is_elsewhere and page <= 0


def _read(drawn: _Drawn, config: LabelConfig) -> Region | Unread | None:
    """Read one result; None where it says nothing of our boxes."""
    one, where = drawn.json, drawn.where
    if not isinstance(one, Mapping):
        return Unread(Why.BROKEN, f"{where}: expected a region, found {shorten(one)}; {FIX}")
    kind, control = _text(one, "type"), _text(one, "from_name")
    is_ours = control in config.own or (kind == BOXES and control not in config.offered and not config.is_inferred)
    named = {text: config.label_of(control, text) for texts in _labels(one) for text in texts}
    for other, text in drawn.paired:
        label = config.label_of(other, text)
        if label or not is_ours:
            named.setdefault(text, label)
    labels = list(dict.fromkeys(label for label in named.values() if label))
    may_be_ours = is_ours or config.is_inferred or (bool(labels) if named else config.can_label(control))
    if not may_be_ours:
        return None
    return _label_problem(one, named, where, is_ours=is_ours, config=config) or _region(one, labels, config, where)


def _label_problem(
    one: Json, named: Mapping[str, str | None], where: str, *, is_ours: bool, config: LabelConfig
) -> Unread | None:
    """What is wrong with the labels of a result, each with the label of ours that it means, if any."""
    kind = _text(one, "type") or "region"
    if config.is_inferred and not is_ours:
        return Unread(Why.SHAPE, f"{where}: {shorten(kind)} of another control: --label-config tells what it means")
    if len(_labels(one)) > 1:
        return Unread(Why.NO_LABEL, f"{where}.value: expected labels under one key, found several that differ; {FIX}")
    if not named:
        return Unread(Why.NO_LABEL, f"{where}: {shorten(kind)} without a label; give it one, or delete it")
    unknown = next((text for text, label in named.items() if label is None), None)
    if is_ours and unknown is not None:
        advice = "add it to the label config, or give the box another label in Label Studio"
        return Unread(
            Why.UNKNOWN_LABEL, f"{where}: the label {shorten(unknown)} is in no class list; {advice}", unknown
        )
    return None


def _region(one: Json, labels: Sequence[str], config: LabelConfig, where: str) -> Region | Unread:
    image = _text(one, "to_name")
    if image not in ("", config.to_name):
        text = f"{where}: drawn on {shorten(image)}, which the label config lacks: its image is {config.to_name}; {FIX}"
        return Unread(Why.SHAPE, text)
    try:
        found = outline(one, where)
    except NoBox as error:
        return Unread(Why.SHAPE, f"{where}: {error}; draw a rectangle with the label {shorten(labels[0])} in its place")
    except PayloadError as error:
        return Unread(Why.BROKEN, f"{error}; {FIX}")
    return Region(
        id=_id(one),
        box=found.box,
        label=labels[0],
        score=number(one.get("score")),
        rotation=found.rotation,
        further_labels=tuple(labels[1:]),
        shape=found.shape,
    )


def _labels(one: Json) -> list[list[str]]:
    """The labels of a result, under its own key or, as in older exports, another; several lists where they differ."""
    value, kind = one.get("value"), _text(one, "type")
    if not isinstance(value, Mapping):
        return []
    keys = {kind, *(key for key in value if isinstance(key, str) and key.endswith("labels"))}
    found: list[list[str]] = []
    for key in sorted(keys):
        texts = _texts(value.get(key))
        if texts and texts not in found:
            found.append(texts)
    return found


def _texts(value: object) -> list[str]:
    """Labels as text; a single one may come without a list, and what is no text is no label that anybody has."""
    values = value if isinstance(value, list | tuple) else [value]
    return [text if isinstance(text, str) else shorten(text) for text in values if text not in (None, "")]


def _text(one: Json, key: str) -> str:
    value = one.get(key)
    return value if isinstance(value, str) else ""


def _id(one: Json) -> str:
    """The id of a region; without it, or where no record could hold it, it is known by its place alone."""
    value = one.get("id")
    value = str(value) if isinstance(value, int) and not isinstance(value, bool) and abs(value) < 2**63 else value
    return value if is_text(value) else ""
