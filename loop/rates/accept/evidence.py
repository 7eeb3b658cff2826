"""
The evidence that the images within a limit keep a share of wrong boxes, from audited images. Pure.

The audited tasks are a random sample of all tasks, the open tasks are the rest. The boxes of one image are not
independent, so the image is the unit: for any distribution of the wrong boxes over the images, the share of wrong boxes
on the accepted images is above the error with a chance of at most RISK.

An image with *w* wrong of *n* boxes loses z = w - error * n; the share is above the error if the losses of the accepted
images have a positive sum. For any mean loss, the product of 1 - bet * z over m audited images and of 1 + bet * m / k *
z over k accepted ones has an expectation of at most 1. So it reaches 1 / RISK with a chance of at most RISK (Markov).
If the sum over the accepted images is positive, their factors have at least the product that `_cost` gives. Bets are
those of Waudby-Smith, Ramdas: Estimating means of bounded random variables by betting, 2024, here fixed beforehand.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

RISK = 0.05  # the chance that the bound does not hold
NEEDED = math.log(1.0 / RISK)  # evidence
EXPECTED = (0.1, 0.35)  # wrong boxes that the bets are made for, as shares of the error
UNLIKE = 0.001  # probability under which the rest is less certain than the audit by more than chance


@dataclass(frozen=True, slots=True)
class SureImage:
    """The prediction of an image: the expected share of right boxes, and the number of *boxes*."""

    certainty: float
    boxes: int


@dataclass(frozen=True, slots=True)
class AuditedImage(SureImage):
    """An audited image: *wrong* of all *judged* boxes, predicted or missed, were false, missed, moved or relabelled."""

    wrong: int = 0
    judged: int = 0


@dataclass(frozen=True, slots=True)
class Limit:
    """Images are accepted with at least this *certainty* and at most so many *boxes*."""

    certainty: float
    boxes: int

    def takes(self, image: SureImage) -> bool:
        """Whether an image is within the limit."""
        return image.certainty >= self.certainty and 0 < image.boxes <= self.boxes


@dataclass(frozen=True, slots=True)
class ImageArrays:
    """Images as arrays, those with boxes alone; of open images no box is *wrong*."""

    certainty: Floats
    boxes: Floats
    wrong: Floats
    judged: Floats

    @classmethod
    def of(cls, images: Sequence[SureImage]) -> ImageArrays:
        """Return the images as arrays."""
        import numpy as np

        rows = [
            (
                each.certainty,
                each.boxes,
                *((each.wrong, each.judged) if isinstance(each, AuditedImage) else (0, each.boxes)),
            )
            for each in images
            if each.boxes
        ]
        return cls(*np.array(rows, float).reshape(-1, 4).T)

    def thin(self, most: int) -> ImageArrays:
        """Return at most so many of the images, evenly."""
        step = math.ceil(len(self.boxes) / most) or 1
        return ImageArrays(*(column[::step] for column in (self.certainty, self.boxes, self.wrong, self.judged)))

    def taken(self, limit: Limit) -> NDArray[np.bool_]:
        """Tell of each image whether a limit takes it."""
        return (self.certainty >= limit.certainty) & (self.boxes <= limit.boxes)

    def within(self, limit: Limit) -> ImageArrays:
        """Return the images that a limit takes."""
        taken = self.taken(limit)
        return ImageArrays(*(column[taken] for column in (self.certainty, self.boxes, self.wrong, self.judged)))


@dataclass(frozen=True, slots=True)
class LimitEvidence:
    """
    The evidence for one *limit*, which takes *accepted* of the *others*.

    The *losses* and predicted boxes of the audited images are in parts of the most boxes that the limit takes: an image
    with more, because many were missed, counts with as many.
    """

    limit: Limit
    sample: ImageArrays
    others: ImageArrays
    accepted: int
    losses: Floats
    crowds: Floats
    error: float
    times: float

    @classmethod
    def of(cls, audited: ImageArrays, rest: ImageArrays, limit: Limit, error: float, times: float) -> LimitEvidence:
        """Return the evidence for a limit, if every audited image counted *times*."""
        import numpy as np

        sample = audited.within(limit)
        weight = np.minimum(1.0, limit.boxes / np.maximum(sample.judged, 1.0)) / limit.boxes
        losses = (sample.wrong - error * sample.judged) * weight
        accepted = int(rest.taken(limit).sum())
        return cls(limit, sample, rest, accepted, losses, sample.boxes / limit.boxes, error, times)

    def promise(self) -> float:
        """Return the evidence to expect if few boxes are wrong, by the predictions alone."""
        return max((evidence for _, evidence in self._bets(EXPECTED[:1])), default=-math.inf)

    def passes(self) -> bool:
        """
        Whether the evidence is enough; also if each image counts with all boxes that were missed on it.

        No sample bounds how many boxes are missed on one image: the promise is about images with at most as many boxes
        as the most crowded of the sample.
        """
        return self._has_enough() and self._widen()._has_enough() and self._is_like()

    def _widen(self) -> LimitEvidence:
        """Return the same with losses in parts of the most boxes that were judged on an image."""
        sample, most = self.sample, max(self.limit.boxes, self.sample.judged.max(initial=0.0))
        losses = (sample.wrong - self.error * sample.judged) / most
        return replace(self, losses=losses, crowds=sample.boxes / most)

    def _has_enough(self) -> bool:
        import numpy as np

        evidences = [
            self.times * float(np.log1p(-bet * self.losses).sum()) - self._cost(bet) for bet, _ in self._bets(EXPECTED)
        ]
        return bool(evidences) and float(np.logaddexp.reduce(evidences)) - math.log(len(EXPECTED)) >= NEEDED

    def _bets(self, expected: Sequence[float]) -> Iterator[tuple[float, float]]:
        """Yield for each expected share of wrong boxes the bet with the most evidence to expect, and that evidence."""
        import numpy as np

        error = self.error
        if not len(self.crowds) or not self.accepted:
            return
        bets = np.linspace(0.05, 0.95, 19) * min(1.0 / (1.0 - error), 1.0 / (self._ratio() * error))
        right = np.log1p(np.outer(bets * error, self.crowds)).sum(axis=1)
        wrong = np.log1p(-np.outer(bets * (1.0 - error), self.crowds)).sum(axis=1)
        cost = np.array([self._cost(bet) for bet in bets])
        for share in expected:
            evidence = self.times * ((1.0 - share * error) * right + share * error * wrong) - cost
            best = int(evidence.argmax())
            yield float(bets[best]), float(evidence[best])

    def _ratio(self) -> float:
        """Return the number of audited images for each accepted one."""
        return self.times * len(self.crowds) / self.accepted

    def _cost(self, bet: float) -> float:
        """
        Return by how much the factors of the accepted images can lower the product's logarithm, with a positive sum.

        The logarithm is concave, so the least is that of losses at both ends of their range.
        """
        bet, error = bet * self._ratio(), self.error
        gain, loss = math.log1p(bet * (1.0 - error)), math.log1p(-bet * error)
        return -self.accepted * (error * gain + (1.0 - error) * loss)

    def _is_like(self) -> bool:
        """Whether the others are as certain as the sample, or more; by a test of Kolmogorov and Smirnov."""
        from scipy.stats import ks_2samp

        certainties = (self.sample.certainty, self.others.within(self.limit).certainty)
        return float(ks_2samp(*certainties, alternative="less", method="asymp").pvalue) >= UNLIKE
