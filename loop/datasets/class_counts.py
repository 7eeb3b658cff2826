"""Count the reviewed boxes of each class of a project."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from loop.datasets.room import DatasetsRoom
from loop.datasets.survey import read_counted
from loop.label_studio.classes import ObjectClass


@dataclass(frozen=True, slots=True)
class CountedClass:
    """A class with the number of its reviewed boxes, under any of its names, boxes of merged classes included."""

    of: ObjectClass
    boxes: int
    is_in_config: bool
    is_undecided: bool  # it has boxes, but no label in the config and no decision


def count_classes(datasets: DatasetsRoom, project_id: int) -> list[CountedClass]:
    """Count by class id. Raises UnknownProject."""
    in_config = set(datasets.studio.projects.get(project_id).config().label_names)
    book = datasets.studio.classes.book(project_id)
    labels = book.labels(in_config)
    boxes = Counter(
        labels.ids[region.label]
        for _, counted in read_counted(datasets, project_id)
        for region in counted.review.regions
        if region.label in labels.ids
    )
    return [
        CountedClass(
            of=known,
            boxes=boxes[known.id],
            is_in_config=bool({known.name, *known.former} & in_config),
            is_undecided=known.name in labels.undecided and boxes[known.id] > 0,
        )
        for known in book.classes
    ]
