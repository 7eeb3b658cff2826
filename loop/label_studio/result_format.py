"""A Label Studio result to our regions and back: what of it is ours, what of that is not read, and why. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from loop.errors import PayloadError
from loop.label_studio.label_config import BOXES, LabelConfig
from loop.label_studio.shapes import NoBox, number, outline
from loop.label_studio.unread import Unread, Why
from loop.printable import shorten
from loop.regions import Region
from loop.storage.storable import is_text

Json = Mapping[str, Any]
NO_SHAPES = frozenset(  # types of results that show nothing on an image, though those of a region carry its place
    {"choices", "datetime", "number", "pairwise", "ranker", "rating", "relation", "taxonomy", "textarea"}
)
MOST_UNREAD = 50  # of one result that are kept
FIX = "correct it in Label Studio, or delete it there"


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
    regions, unread = list[Region](), list[Unread]()
    drawn = list[_Drawn]()
    for index, one in enumerate(result):
        at = f"{where} result[{index}]"
        if not isinstance(one, Mapping):
            unread.append(Unread(Why.BROKEN, f"{at}: expected a region, found {shorten(one)}; {FIX}"))
        elif _may_be_ours(one, config):
            drawn.append(_Drawn.of(one, at))
    for shape in _paired(_on_our_image(drawn, config)):
        read = _read(shape, config)
        if isinstance(read, Region):
            regions.append(read)
        elif read:
            unread.append(read)
    return Reading(tuple(regions), tuple(unread[:MOST_UNREAD]))


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
    """One result that may show an object of ours. *texts* are its labels; several lists where its keys differ."""

    json: Json
    where: str
    id: str
    kind: str
    control: str
    image: str
    texts: list[list[str]]
    paired: tuple[tuple[str, str], ...] = ()  # what `Labels` call its region: control and text

    @classmethod
    def of(cls, json: Json, where: str) -> _Drawn:
        """Take the parts of a result that tell whose it is."""
        kind, control, image = (_text(json, key) for key in ("type", "from_name", "to_name"))
        return cls(json, where, _id(json), kind, control, image, _labels(json.get("value"), kind))


def _may_be_ours(one: Json, config: LabelConfig) -> bool:
    """Tell whether a result may show something on the first page of our image."""
    image, page = _text(one, "to_name"), one.get("item_index")
    is_elsewhere = image != config.to_name and (image in config.others or (config.is_inferred and image != ""))
    is_shape = _text(one, "type") not in NO_SHAPES or _text(one, "from_name") in config.own
    return is_shape and not is_elsewhere and (page is None or (number(page) or 0) <= 0)


def _on_our_image(drawn: list[_Drawn], config: LabelConfig) -> list[_Drawn]:
    """
    Leave out what is drawn on images that the config lacks, beside what is drawn on ours.

    Where nothing is on ours, our image may have had another name: then nobody can tell.
    """
    if not any(one.image == config.to_name for one in drawn):
        return drawn
    return [one for one in drawn if one.image in ("", config.to_name)]


def _paired(drawn: list[_Drawn]) -> Iterable[_Drawn]:
    """
    Each region once.

    `Rectangle` with `Labels` makes two results of one region, with one id: the labels of the second go to the first.
    """
    if not any(one.kind == "labels" and one.id for one in drawn):
        return drawn
    hosts: dict[str, _Drawn] = {}
    for one in sorted(drawn, key=lambda one: one.kind == "labels"):
        hosts.setdefault(one.id, one)
    paired: dict[str, list[tuple[str, str]]] = {}
    guests = [one for one in drawn if one.kind == "labels" and one.id and hosts[one.id] is not one]
    for one in guests:
        pairs = [(one.control, text) for texts in one.texts for text in texts]
        paired.setdefault(one.id, []).extend(pairs)
    shapes = [one for one in drawn if not any(one is guest for guest in guests)]
    return [replace(one, paired=tuple(paired.get(one.id, ()))) if hosts[one.id] is one else one for one in shapes]


def _read(drawn: _Drawn, config: LabelConfig) -> Region | Unread | None:
    """Read one result; None where it says nothing of our boxes."""
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
    """What is wrong with the labels of a result; *named* has the label of ours that each text means, if any."""
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
        told = f"{where}: drawn on {shorten(image)}, a name that the label config lacks: its image is {config.to_name}"
        return Unread(Why.SHAPE, f"{told}; give the image its old name back, or delete the region")
    try:
        found = outline(drawn.json, where)
    except NoBox as error:
        return Unread(Why.SHAPE, f"{where}: {error}; draw a rectangle with the label {shorten(labels[0])} in its place")
    except PayloadError as error:
        return Unread(Why.BROKEN, f"{error}; {FIX}")
    return Region(
        id=drawn.id,
        box=found.box,
        label=labels[0],
        score=number(drawn.json.get("score")),
        rotation=found.rotation,
        further_labels=tuple(labels[1:]),
        shape=found.shape,
    )


def _labels(value: object, kind: str) -> list[list[str]]:
    """Labels under the key of their kind or, as in older exports, another; several lists where they differ."""
    found: list[list[str]] = []
    for key, named in value.items() if isinstance(value, Mapping) else ():
        if key == kind or (isinstance(key, str) and key.endswith("labels")):
            texts = _texts(named)
            if texts and texts not in found:
                found.append(texts)
    return found


def _texts(value: object) -> list[str]:
    """Labels as text; a single one may come without a list, and what is no text is no label that anybody has."""
    values = value if isinstance(value, list | tuple) else [value]
    return [text if isinstance(text, str) else shorten(text) for text in values if text is not None and text != ""]


def _text(one: Json, key: str) -> str:
    value = one.get(key)
    return value if isinstance(value, str) else ""


def _id(one: Json) -> str:
    """The id of a region; without it, or where no record could hold it, it is known by its place alone."""
    value = one.get("id")
    value = str(value) if isinstance(value, int) and not isinstance(value, bool) and abs(value) < 2**63 else value
    return value if is_text(value) else ""
