"""Why a task has its place in the queue, in one sentence. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from loop.regions import Region
from loop.serving.queue_order import OF_SHOWN, QueueOrder, box_certainty


def explain_place(
    shown: Sequence[Region],
    held_back: Sequence[Region],
    threshold: float,
    *,
    is_audit: bool,
    order: QueueOrder = QueueOrder.PRODUCT,
) -> str:
    """Return why the queue has a task where it is: it is an audit, or by the box that is least certain."""
    if is_audit:
        return "an audit: it has a place of its own in the queue, whatever was detected on it, so that rates are right"
    if order is QueueOrder.RANDOM:
        return "the order is random, whatever was detected on it (LOOP_QUEUE_ORDER)"
    regions = [*shown, *held_back]
    if not regions:
        return "nothing was detected on it, so nothing tells whether that is right"
    sure = [region for region in regions if (region.score or 0.0) >= threshold]
    score_alone = OF_SHOWN.get(order) if sure else None
    if score_alone:
        least = min(sure, key=lambda region: score_alone([region.score or 0.0]))
    else:
        least = min(regions, key=lambda region: box_certainty(region.score or 0.0, threshold))
    score = least.score or 0.0
    if least in shown:
        return f"its least certain box is {_name(least, score)}{_count_others(shown, least)}"
    if not shown:
        return f"no box is shown, and {_name(least, score)} is held back"
    why = "a double" if least.double_of else f"under the threshold of {threshold:g}"
    return f"its least certain box is held back: {_name(least, score)}, {why}"


def explain_group(reviewed: int) -> str:
    """Return why the group of a task decides: Label Studio serves the group with the fewest reviewed tasks first."""
    tasks = "no task" if not reviewed else "1 task" if reviewed == 1 else f"{reviewed} tasks"
    return f"{tasks} of its group of similar tasks reviewed so far"


def _name(region: Region, score: float) -> str:
    return f"{region.label or 'a box without label'} {score:.2f}"


def _count_others(regions: Sequence[Region], least: Region) -> str:
    others = sum(region is not least for region in regions)
    return f", of {others + 1} boxes" if others else ""
