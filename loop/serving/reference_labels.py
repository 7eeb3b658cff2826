"""
Labels that no class of a version is, given to its detections by the nearest references.

The score of such a box is the geometric mean of the detector's confidence and the score of the vote: of two chances
that must both hold, in the middle of what each says.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from loop.label_studio.classes import name_today
from loop.label_studio.label_config import LabelConfig
from loop.regions import SAME_OBJECT, LabelSource, Region
from loop.serving.predict import Suggestion, hold_doubles_back, region_id

DIGITS = 4  # of a score


@dataclass(frozen=True, slots=True)
class LabelVote:
    """The label that the nearest references voted for, its score in [0, 1], and the voters with their similarity."""

    label: str
    score: float
    voters: tuple[tuple[str, float], ...] = ()


def list_names(config: LabelConfig, labels: Sequence[str], recorded: Iterable[str]) -> set[str]:
    """Return labels with those of the *recorded* ones that mean them today, such as former names of their classes."""
    today = name_today(config, {*labels, *recorded})
    return {name for name, label in today.items() if label in labels}


def list_voted(suggestion: Suggestion) -> list[Region]:
    """Return the boxes that would be shown if the references were sure of a label, shown, held back and foreign."""
    boxes = (*suggestion.shown, *suggestion.hidden, *suggestion.foreign)
    return [region for region in boxes if _join(region.score or 0.0, 1.0) >= suggestion.threshold]


def give_labels(suggestion: Suggestion, votes: Mapping[str, LabelVote], config: LabelConfig) -> Suggestion:
    """
    Return the suggestion with the labels of *votes*, by region id, on the boxes whose score is enough to be shown.

    Of boxes with such labels on one object the surest is shown; the others are held back as the detector saw them, its
    doubles. Every box of the suggestion stays, once: shown, held back or foreign.
    """
    own = [replace(region, double_of="") for region in (*suggestion.shown, *suggestion.hidden)]
    boxes = (*own, *suggestion.foreign)
    labelled = {region.id: _label(suggestion, region, votes[region.id]) for region in boxes if region.id in votes}
    sure = {box_id: region for box_id, region in labelled.items() if (region.score or 0.0) >= suggestion.threshold}
    if not sure:
        return suggestion
    given, doubles = _choose(sure)
    remaining = [
        replace(region, double_of=doubles[region.id]) if region.id in doubles else region
        for region in own
        if region.id not in given
    ]
    labelled_suggestion = replace(
        suggestion, foreign=tuple(region for region in suggestion.foreign if region.id not in given)
    )
    return _split(labelled_suggestion, [*remaining, *given.values()], config)


def take_back(suggestion: Suggestion, config: LabelConfig) -> Suggestion:
    """
    Return the suggestion as the detector made it, without the labels of references, by the label config of today.

    A box of a class that means one of the labels of the project is shown or held back, any other is foreign again.
    """
    boxes = [_restore(suggestion, region) for region in (*suggestion.shown, *suggestion.hidden)]
    labels = config.label_map({region.label for region in boxes})
    foreign = (*suggestion.foreign, *(region for region in boxes if region.label not in labels))
    own = [_relabel(suggestion, region, labels[region.label]) for region in boxes if region.label in labels]
    return _split(replace(suggestion, foreign=foreign), own, config)


def _split(suggestion: Suggestion, own: Sequence[Region], config: LabelConfig) -> Suggestion:
    """Return the suggestion with its *own* boxes, shown or held back; those that are doubles already stay so."""
    ranked = sorted(own, key=lambda region: -(region.score or 0.0))
    single = [region for region in ranked if not region.double_of]
    split = replace(
        suggestion,
        shown=tuple(region for region in single if (region.score or 0.0) >= suggestion.threshold),
        hidden=tuple(region for region in single if (region.score or 0.0) < suggestion.threshold),
    )
    held = hold_doubles_back(split, config)
    return replace(held, hidden=(*(region for region in ranked if region.double_of), *held.hidden))


def _choose(sure: Mapping[str, Region]) -> tuple[dict[str, Region], dict[str, str]]:
    """Return the boxes that are shown, of several on one object the surest, and the id of that for each other one."""
    chosen, doubles = dict[str, Region](), dict[str, str]()
    for box_id, region in sorted(sure.items(), key=lambda item: (-(item[1].score or 0.0), item[0])):
        same = (other.id for other in chosen.values() if region.box.iou(other.box) >= SAME_OBJECT)
        if surer := next(same, ""):
            doubles[box_id] = surer
        else:
            chosen[box_id] = region
    return chosen, doubles


def _label(suggestion: Suggestion, region: Region, vote: LabelVote) -> Region:
    confidence = region.score or 0.0
    source = LabelSource(region.label, confidence, round(vote.score, DIGITS), vote.voters)
    labelled = _relabel(suggestion, region, vote.label)
    return replace(labelled, score=_join(confidence, vote.score), source=source)


def _restore(suggestion: Suggestion, region: Region) -> Region:
    single = replace(region, double_of="")
    if region.source is None:
        return single
    restored = _relabel(suggestion, single, region.source.class_name)
    return replace(restored, score=region.source.confidence, source=None)


def _relabel(suggestion: Suggestion, region: Region, label: str) -> Region:
    if label == region.label:
        return region
    return replace(region, id=region_id(suggestion.version, suggestion.task_id, label, region.box), label=label)


def _join(confidence: float, match: float) -> float:
    return round(math.sqrt(confidence * match), DIGITS)
