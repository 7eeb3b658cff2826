"""The part of a label config that an export itself tells: whose boxes are ours. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from loop.label_studio.label_config import BOXES, LabelConfig

Controls = dict[str, set[str]]  # the controls of boxes by the image that they are on, the first image first


def inferred(tasks: Iterable[Mapping[str, Any]]) -> LabelConfig:
    """
    Return the controls and the image that the predictions of an export are of; where none has a box, its reviews.

    Shapes of other controls are not told apart by it, so a review that has one on that image is not read whole.
    """
    predicted: Controls = {}
    reviewed: Controls = {}
    for task in tasks:
        for key, controls in (("predictions", predicted), ("annotations", reviewed)):
            for control, image in _boxes(task.get(key)):
                controls.setdefault(image, set()).add(control)
    for image, names in (predicted or reviewed).items():
        own = tuple(sorted(names))
        return LabelConfig(own[0], image, "", (), own=own, is_inferred=True)
    return LabelConfig("", "", "", (), is_inferred=True)


def _boxes(holders: object) -> Iterator[tuple[str, str]]:
    """The control and the image of each box of predictions or annotations."""
    for holder in holders if isinstance(holders, list) else ():
        result = holder.get("result") if isinstance(holder, Mapping) else None
        for one in result if isinstance(result, list) else ():
            if isinstance(one, Mapping) and one.get("type") == BOXES:
                control, image = one.get("from_name"), one.get("to_name")
                if isinstance(control, str) and isinstance(image, str):
                    yield control, image
