"""
Chooses which open tasks can be accepted so that a share of wrong boxes is kept, from the audit's verdicts. Pure.

The order of the limits, and all that they are chosen by, follows from predictions alone. The limits are tested in this
order until one fails, each at the full level (Angelopoulos et al.: Learn then Test, 2021, fixed sequence testing), so
the bound holds for the last that passes.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from loop.rates.accept.evidence import NEEDED, AuditedImage, ImageArrays, Limit, LimitEvidence, SureImage
from loop.serving.queue_order import box_certainty

SHARES = 20  # limits that are tried: so many equal parts of the rest, by certainty
CROWDS = 10  # limits of the boxes on an image that are tried, by quantiles
SPARE = 1.5  # evidence that the first limit must promise where one does, as a multiple of that needed
MOST_DRAWN = 500  # images that stand for an audit which has not begun
STEP = 1.1  # the next size of an audit that is looked for, as a multiple of the one before
MOST_TIMES = 64.0  # the audit that is looked for, as a multiple of the present one


def expect_right(confidences: Sequence[float], held_back: Sequence[float], threshold: float) -> float:
    """
    Return the share of right boxes to expect of a prediction, in [0, 1], from its own confidences.

    A box is wrong with the rest of its confidence; a held-back box is missed with the rest of its certainty.
    """
    if not confidences:
        return 0.0
    wrong = sum(1.0 - box_certainty(confidence, threshold) for confidence in held_back)
    wrong += sum(1.0 - confidence for confidence in confidences)
    return max(0.0, 1.0 - wrong / len(confidences))


def choose(audited: Sequence[AuditedImage], rest: Sequence[SureImage], error: float) -> Limit | None:
    """Return the widest limit whose images of the *rest* have at most *error* wrong boxes; None if none passes."""
    return _choose(ImageArrays.of(audited), ImageArrays.of(rest), error)


def count_needed(audited: Sequence[AuditedImage], rest: Sequence[SureImage], error: float) -> int | None:
    """
    Return how many audited images would be enough for a limit, to a tenth, if more of them are like those so far.

    Without any so far, none is supposed to have a wrong box. None if no number is enough: too many boxes are wrong.
    """
    others = ImageArrays.of(rest)
    sample = ImageArrays.of(audited) if audited else others.thin(MOST_DRAWN)
    size = len(sample.boxes)
    least = NEEDED / -math.log1p(-error)  # of images without any wrong box
    times = max(least / size if size else math.inf, STEP if audited else 0.0)
    while times <= MOST_TIMES:
        if _choose(sample, others, error, times):
            return math.ceil(times * size)
        times *= STEP
    return None


def _choose(sample: ImageArrays, others: ImageArrays, error: float, times: float = 1.0) -> Limit | None:
    """Choose a limit, from the first that promises enough evidence on; if every audited image counted *times*."""
    limits = _list_limits(sample, others, error, times)
    trials = [LimitEvidence.of(sample, others, limit, error, times) for limit in limits]
    promises = [trial.promise() for trial in trials]
    most = max(promises, default=0.0)
    chosen, start = None, next((at for at, each in enumerate(promises) if each >= min(most, SPARE * NEEDED)), 0)
    for limit, trial in zip(limits[start:], trials[start:], strict=True):
        if not trial.passes():
            break
        chosen = limit
    return chosen


def _list_limits(audited: ImageArrays, rest: ImageArrays, error: float, times: float) -> list[Limit]:
    """Return the limits in the order in which they are tested, the surest images first."""
    import numpy as np

    if not len(rest.certainty):
        return []
    steps = np.linspace(1.0 - 1.0 / SHARES, 0.0, SHARES)
    levels = dict.fromkeys(float(level) for level in np.quantile(rest.certainty, steps, method="lower"))
    return [_limit_crowds(audited, rest, level, error, times) for level in levels]


def _limit_crowds(audited: ImageArrays, rest: ImageArrays, certainty: float, error: float, times: float) -> Limit:
    """
    Return the limit at a *certainty* with the most crowded images of which the audit can tell enough.

    The range of the losses grows with the most crowded image: with it, one image can hide as many wrong boxes.
    """
    import numpy as np

    boxes = np.concatenate([images.boxes[images.certainty >= certainty] for images in (audited, rest)])
    crowds = np.unique(np.quantile(boxes, np.linspace(0.1, 1.0, CROWDS), method="lower"))[::-1]
    best, most = Limit(certainty, int(crowds[0])), -math.inf
    for crowd in crowds:
        limit = Limit(certainty, int(crowd))
        promise = LimitEvidence.of(audited, rest, limit, error, times).promise()
        if promise >= SPARE * NEEDED:
            return limit
        if promise > most:
            best, most = limit, promise
    return best
