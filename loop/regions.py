"""Boxes and labelled regions, in fractions of the image, and their JSON in the records. Pure."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any, TypeAlias

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

Pixels: TypeAlias = (
    "NDArray[np.uint8]"  # an upright image, (height, width, 3), in BGR as OpenCV and ultralytics have it
)

ONE_OBJECT = 0.7  # IoU from which two predicted boxes show one object; docs/benchmarks.md has the figures
SAME_OBJECT = 0.5  # IoU from which a box of another maker shows the same object


@dataclass(frozen=True, slots=True)
class Box:
    """An upright box, `xyxy`, in fractions of the image: (0, 0) is its top left corner, (1, 1) its bottom right."""

    x0: float
    y0: float
    x1: float
    y1: float

    @property
    def sides(self) -> tuple[float, float, float, float]:
        """Its sides as `xyxy`."""
        return self.x0, self.y0, self.x1, self.y1

    @property
    def area(self) -> float:
        """Area in fractions of the image; zero for a box without extent."""
        return max(0.0, self.x1 - self.x0) * max(0.0, self.y1 - self.y0)

    def clip(self) -> Box:
        """Return the part of the box that lies on the image."""
        return Box(*(min(1.0, max(0.0, side)) for side in self.sides))

    def iou(self, other: Box) -> float:
        """Intersection over union; zero where either box has no extent."""
        width = min(self.x1, other.x1) - max(self.x0, other.x0)
        height = min(self.y1, other.y1) - max(self.y0, other.y0)
        if width <= 0 or height <= 0:
            return 0.0
        shared = width * height
        union = self.area + other.area - shared
        return shared / union if union > 0 else 0.0  # boxes may be too small for their area to be a number

    def is_close_to(self, other: Box, tolerance: float) -> bool:
        """Tell whether no side differs by more than *tolerance* (fractions of the image)."""
        return all(abs(a - b) <= tolerance for a, b in zip(self.sides, other.sides, strict=True))


@dataclass(frozen=True, slots=True)
class LabelSource:
    """
    The source of a label that the nearest references gave to a detection.

    The detector saw an object of the class *class_name* with a *confidence*. *match* is the score of the vote, and
    *voters* are the references for it, by key, with their similarity.
    """

    class_name: str
    confidence: float
    match: float
    voters: tuple[tuple[str, float], ...] = ()


@dataclass(frozen=True, slots=True)
class Region:
    """
    One labelled box, predicted or drawn.

    *box* encloses the region. *rotation* is by how many degrees the region was turned before it was enclosed; *shape*
    names a region that was no rectangle: a polygon, an ellipse or a brush stroke. *score* is the detector's confidence,
    None for a region drawn by hand. *label* is the first label chosen, empty where the region has none;
    *further_labels* are the others of its kind. *double_of* is the id of a surer region that shows the same object.
    *source* tells where the label came from if it is not the detector's own.
    """

    id: str
    box: Box
    label: str
    score: float | None = None
    rotation: float = 0.0
    further_labels: tuple[str, ...] = ()
    shape: str = ""
    double_of: str = ""
    source: LabelSource | None = None


@dataclass(frozen=True, slots=True)
class Detection:
    """One detected box with the model's own class name and its confidence in [0, 1]."""

    box: Box
    class_name: str
    confidence: float


def find_doubles(boxes: Sequence[Box], kinds: Sequence[str], *, one_object: float = ONE_OBJECT) -> list[int | None]:
    """
    Return for each box the place of the surer box that shows the same object; None for a box that has none.

    *boxes* come the surest first. Only boxes of one of the *kinds* can show the same object, and do where their IoU is
    at least *one_object*. A box that is a double has no doubles itself.
    """
    import numpy as np

    from loop.overlap import measure_iou

    sides = np.array([box.sides for box in boxes]).reshape(-1, 4)
    overlap = measure_iou(sides, sides) >= one_object
    doubles: list[int | None] = []
    for place, kind in enumerate(kinds):
        surer = (other for other in np.flatnonzero(overlap[place, :place]).tolist() if doubles[other] is None)
        doubles.append(next((other for other in surer if kinds[other] == kind), None))
    return doubles


def mark_doubles(regions: Iterable[Region], kind_of: Callable[[str], str]) -> list[Region]:
    """Return the regions the surest first, each double with the region it is a double of; labels have kinds."""
    ranked = sorted(regions, key=lambda region: -(region.score or 0.0))
    doubles = find_doubles([region.box for region in ranked], [kind_of(region.label) for region in ranked])
    return [
        region if place is None else replace(region, double_of=ranked[place].id)
        for region, place in zip(ranked, doubles, strict=True)
    ]


def split_by_kind(region: Region, kind_of: Callable[[str], str]) -> list[Region]:
    """Return a region for each kind of label that a region has, all with its id; labels have kinds."""
    if not region.further_labels:
        return [region]
    kinds: dict[str, list[str]] = {}
    for label in (region.label, *region.further_labels):
        kinds.setdefault(kind_of(label), []).append(label)
    return [replace(region, label=labels[0], further_labels=tuple(labels[1:])) for labels in kinds.values()]


def enclosing(box: Box, degrees: float, aspect: float) -> Box:
    """
    Return the upright box around *box* turned clockwise by *degrees* about its top left corner.

    *aspect* is width over height of the image in pixels: a turn mixes the two axes, which have different units.
    """
    if not degrees:
        return box
    cos, sin = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    width, height = (box.x1 - box.x0) * aspect, box.y1 - box.y0
    corners = [(x * cos - y * sin, x * sin + y * cos) for x in (0.0, width) for y in (0.0, height)]
    xs, ys = [x / aspect for x, _ in corners], [y for _, y in corners]
    return Box(box.x0 + min(xs), box.y0 + min(ys), box.x0 + max(xs), box.y0 + max(ys))


def write_region(region: Region) -> dict[str, Any]:
    """Write a region as JSON: the box as four fractions, `xyxy`; keys without a value are left out."""
    box = region.box
    content: dict[str, Any] = {"id": region.id, "box": list(box.sides), "label": region.label}
    if region.score is not None:
        content["score"] = region.score
    if region.rotation:
        content["rotation"] = region.rotation
    if region.further_labels:
        content["further_labels"] = list(region.further_labels)
    if region.shape:
        content["shape"] = region.shape
    if region.double_of:
        content["double_of"] = region.double_of
    if region.source:
        content["source"] = asdict(region.source)
    return content


def read_region(content: dict[str, Any]) -> Region:
    """Read a region from the JSON of `write_region`."""
    return Region(
        id=content["id"],
        box=Box(*content["box"]),
        label=content["label"],
        score=content.get("score"),
        rotation=content.get("rotation", 0.0),
        further_labels=tuple(content.get("further_labels", ())),
        shape=content.get("shape", ""),
        double_of=content.get("double_of", ""),
        source=_read_source(content["source"]) if "source" in content else None,
    )


def _read_source(content: dict[str, Any]) -> LabelSource:
    voters = tuple((str(key), float(similarity)) for key, similarity in content["voters"])
    return LabelSource(content["class_name"], content["confidence"], content["match"], voters)


def write_regions(regions: Iterable[Region]) -> list[dict[str, Any]]:
    """Write regions as JSON, in the order given."""
    return [write_region(region) for region in regions]


def read_regions(contents: Iterable[dict[str, Any]]) -> tuple[Region, ...]:
    """Read regions from the JSON of `write_regions`."""
    return tuple(read_region(content) for content in contents)
