"""A page of crops: the boxes of a class by confidence or suspicion, or those that look like one of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from itertools import chain

from loop.crops.box_store import BoxOrder, StoredBox
from loop.crops.pictures import BoxSource
from loop.crops.relabel import BoxName
from loop.crops.room import CropsRoom
from loop.crops.suspect_store import SuspectList
from loop.crops.suspicion import SuspectBox, SuspectKind
from loop.errors import MilvusDown, PayloadError
from loop.label_studio.classes import name_today
from loop.label_studio.label_config import LabelConfig
from loop.references.entries import CollectionKind
from loop.references.plan import find_source
from loop.vision.embedding import Space

NO_VECTORS = "no boxes: nothing to embed with yet (no weights, or LOOP_EMBEDDER=none)"
KINDS = {BoxSource.PREDICTED: CollectionKind.DETECTIONS, BoxSource.REVIEWED: CollectionKind.REFERENCES}


class CropOrder(StrEnum):
    """The order of crops."""

    SUREST = "surest"
    LEAST_SURE = "least-sure"
    SWAPPED = "swapped"
    OVERLOOKED = "overlooked"
    MISPLACED = "misplaced"
    ALIKE = "alike"


AT_FIRST = CropOrder.SUREST  # shows a class as it is; the least sure boxes are held back, from noise on
SUSPICIONS = {CropOrder(kind.value): kind for kind in SuspectKind}


@dataclass(frozen=True, slots=True)
class CropQuery:
    """
    The crops to show: boxes of a *label* (None: the most frequent label of the project; of suspects, all), in an order.

    Suspects have their source by their kind. *like* names the box that the others look like.
    """

    order: CropOrder = AT_FIRST
    label: str | None = None
    source: BoxSource = BoxSource.PREDICTED
    like: BoxName | None = None
    page: int = 1
    size: int = 48


@dataclass(frozen=True, slots=True)
class Crop:
    """
    A box to look at. *score* is its confidence, suspicion or likeness, by the order; None for a box that has none.

    *suggested* is another label that it may have; *is_changed* says that its task was reviewed since the last look.
    """

    box: BoxName
    label: str
    score: float | None
    source: BoxSource
    verdict: str = ""
    suggested: str = ""
    is_changed: bool = False


@dataclass(frozen=True, slots=True)
class CropPage:
    """
    A page of *total* crops. *labels* counts the crops of each label; *found* is the last look for suspects.

    *missing* says why there are none, or not all.
    """

    query: CropQuery
    total: int = 0
    crops: tuple[Crop, ...] = ()
    labels: Mapping[str, int] = field(default_factory=dict)
    found: SuspectList | None = None
    missing: str = ""

    @property
    def pages(self) -> int:
        """The number of pages, at least one."""
        return max(1, -(-self.total // self.query.size))

    @property
    def task_ids(self) -> list[int]:
        """The tasks of this page's crops, each once, in their order."""
        return list(dict.fromkeys(crop.box.task_id for crop in self.crops))


def list_crops(crops: CropsRoom, project_id: int, query: CropQuery) -> CropPage:
    """Return a page of crops. Raises UnknownProject, and PayloadError if *like* names no box."""
    config = crops.studio.projects.get(project_id).config()
    if query.order in SUSPICIONS:
        return _list_suspects(crops, project_id, query, config)
    source = find_source(crops.references, project_id)
    if source is None:
        return CropPage(query, missing=NO_VECTORS)
    if query.order == CropOrder.ALIKE:
        return _list_alike(crops, project_id, query, source.space, config)
    kind = KINDS[query.source]
    counts = crops.boxes.count_labels(project_id, source.space, kind)
    names = name_today(config, counts)
    labels = _add_up(counts, names)
    own = (label for label in labels if label in config.label_names)
    query = _choose_label(query, config, chain(own, labels))
    query = replace(query, page=_fit_page(query, total := labels.get(query.label or "", 0)))
    order, offset = BoxOrder(query.order.value), (query.page - 1) * query.size
    recorded = [label for label, name in names.items() if name == query.label]
    boxes = crops.boxes.page(project_id, source.space, kind, recorded, order, offset=offset, most=query.size)
    missing = "" if labels else "no boxes yet: they appear when tasks have been predicted, or reviewed"
    shown = tuple(_read_box(box, query.source, names) for box in boxes)
    return CropPage(query, total, shown, labels, missing=missing)


def _add_up(counts: Mapping[str, int], names: Mapping[str, str]) -> dict[str, int]:
    """Return the counts of labels by their names of today, the largest first."""
    sums = Counter[str]()
    for label, count in counts.items():
        sums[names[label]] += count
    return dict(sorted(sums.items(), key=lambda item: (-item[1], item[0])))


def _choose_label(query: CropQuery, config: LabelConfig, others: Iterator[str]) -> CropQuery:
    """Return a query with the name of today of its label; without a label, with the first of others."""
    label = next(others, None) if query.label is None else name_today(config, [query.label])[query.label]
    return replace(query, label=label)


def _list_suspects(crops: CropsRoom, project_id: int, query: CropQuery, config: LabelConfig) -> CropPage:
    found, kind = crops.suspects.read(project_id), SUSPICIONS[query.order]
    query = _choose_label(query, config, iter(()))
    if found is None:
        return CropPage(query, missing="nobody has looked for suspects yet: `loop suspects` does")
    suspects = found.of_kind(kind, query.label)
    query = replace(query, page=_fit_page(query, len(suspects)))
    shown = suspects[(query.page - 1) * query.size : query.page * query.size]
    tasks = [suspect.task_id for suspect in shown]
    changed = crops.suspects.find_reviewed_since(project_id, tasks, found.looked_at)
    labels = dict(Counter(suspect.region.label for suspect in found.of_kind(kind)).most_common())
    listed = tuple(_read_suspect(suspect, is_changed=suspect.task_id in changed) for suspect in shown)
    return CropPage(query, len(suspects), listed, labels, found, "; ".join(found.left_out))


def _list_alike(crops: CropsRoom, project_id: int, query: CropQuery, space: Space, config: LabelConfig) -> CropPage:
    """Return the references that look most like a box: one page of them."""
    if query.like is None:
        raise PayloadError("like", "TASK:REGION of a box", "none")
    boxes = crops.boxes.find(project_id, space, query.like.task_id, query.like.region)
    kind = next((kind for kind in (KINDS[query.source], *CollectionKind) if kind in boxes), None)
    if kind is None:
        return CropPage(query, missing=f"no vector of {query.like.text} yet")
    try:
        own = crops.references.milvus.find(project_id, kind, space)
        vector = own.get([boxes[kind].key]).get(boxes[kind].key) if own else None
        references = crops.references.milvus.find(project_id, CollectionKind.REFERENCES, space)
        if vector is None or references is None:
            return CropPage(query, missing="no vector of this box, or no reference, yet")
        near = references.search(vector[1][None], query.size + 1)[0]
    except MilvusDown as error:
        return CropPage(query, missing=str(error))
    others = [neighbour for neighbour in near if neighbour.entry.key != boxes[kind].key][: query.size]
    rows = crops.boxes.of_keys(
        project_id, space, CollectionKind.REFERENCES, [neighbour.entry.key for neighbour in others]
    )
    likeness = {neighbour.entry.key: neighbour.similarity for neighbour in others}
    names = name_today(config, (row.label for row in rows))
    shown = tuple(replace(_read_box(row, BoxSource.REVIEWED, names), score=round(likeness[row.key], 4)) for row in rows)
    return CropPage(replace(query, page=1), len(shown), shown, dict(Counter(crop.label for crop in shown)))


def _fit_page(query: CropQuery, total: int) -> int:
    """Return the page that is asked for, or the last one if there are fewer."""
    return min(max(1, query.page), max(1, -(-total // query.size)))


def _read_box(box: StoredBox, source: BoxSource, names: Mapping[str, str]) -> Crop:
    return Crop(BoxName(box.task_id, box.region), names[box.label], box.score or None, source, box.verdict)


def _read_suspect(suspect: SuspectBox, *, is_changed: bool) -> Crop:
    source = BoxSource.PREDICTED if suspect.kind == SuspectKind.OVERLOOKED else BoxSource.REVIEWED
    name, suggested = BoxName(suspect.task_id, suspect.region.id), suspect.suggested
    suggested = "" if suggested == suspect.region.label else suggested
    return Crop(name, suspect.region.label, suspect.score, source, "", suggested, is_changed)
