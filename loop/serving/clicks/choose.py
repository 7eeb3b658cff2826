"""Which candidate boxes an annotator means by what they drew with a click tool. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from loop.label_studio.interactive.prompts import Drawing, Prompt
from loop.regions import ONE_OBJECT, Box, Region

LEAST_OVERLAP = 0.3  # IoU of a drawn shape with the box that it means
SAME_PLACE = 0.5  # IoU of candidates on one object
OVERLAP_POWER = 2.0  # how much more the overlap counts than the confidence


def choose(drawing: Drawing, candidates: Sequence[Region], foreign: Sequence[Region] = ()) -> list[Region]:
    """
    Return the best candidate for each prompt of a drawing, each once; none whose object has a box on the canvas.

    Of the candidates on one object, one with the label that the annotator chose comes first. A candidate with a point
    in it where the object is not is none. Candidates that are *foreign* have no label of ours: they take the one that
    the annotator chose, where no other candidate is meant.
    """
    excluded = [prompt for prompt in drawing.prompts if not prompt.is_positive]

    def allow(regions: Sequence[Region]) -> list[Region]:
        return [
            region
            for region in regions
            if not any(_holds(region.box, prompt) for prompt in excluded)
            and not any(region.box.iou(box) >= ONE_OBJECT for box in drawing.standing)
        ]

    own, others = allow(candidates), allow(foreign)
    chosen = (_find_best(prompt, own) or _label(prompt, others) for prompt in drawing.prompts if prompt.is_positive)
    return list({region.id: region for region in chosen if region}.values())


def _label(prompt: Prompt, foreign: Sequence[Region]) -> Region | None:
    best = _find_best(prompt, foreign) if prompt.label else None
    return replace(best, label=prompt.label) if best else None


def _find_best(prompt: Prompt, candidates: Iterable[Region]) -> Region | None:
    worth = _worth_of_point if prompt.is_point else _worth_of_shape
    scored = [(worth(prompt.box, region), region) for region in candidates]
    scored = [(value, region) for value, region in scored if value > 0]
    if not scored:
        return None
    _, best = max(scored, key=lambda pair: pair[0])
    own = [pair for pair in scored if pair[1].label == prompt.label and pair[1].box.iou(best.box) >= SAME_PLACE]
    return max(own, key=lambda pair: pair[0], default=(0.0, best))[1]


def _worth_of_shape(drawn: Box, region: Region) -> float:
    overlap = drawn.iou(region.box)
    return overlap**OVERLAP_POWER * (region.score or 0.0) if overlap >= LEAST_OVERLAP else 0.0


def _worth_of_point(point: Box, region: Region) -> float:
    """Return the confidence, the less the further the point is from the middle of the box; 0 outside."""
    box = region.box
    if not (box.x0 < point.x0 < box.x1 and box.y0 < point.y0 < box.y1):
        return 0.0
    across = 1 - abs(2 * (point.x0 - box.x0) / (box.x1 - box.x0) - 1)
    down = 1 - abs(2 * (point.y0 - box.y0) / (box.y1 - box.y0) - 1)
    return across * down * (region.score or 0.0)


def _holds(box: Box, prompt: Prompt) -> bool:
    point = prompt.box
    return box.x0 < point.x0 < box.x1 and box.y0 < point.y0 < box.y1
