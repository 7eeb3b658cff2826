"""How often each verdict is given. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from loop.verdicts import Decision


@dataclass(frozen=True, slots=True)
class Rates:
    """Counts of the four verdicts; each rate is a share of what it could have been."""

    confirmed: int = 0
    corrected: int = 0
    false_positive: int = 0
    missed: int = 0

    @property
    def predicted(self) -> int:
        """Predicted regions judged: confirmed + corrected + false positive."""
        return self.confirmed + self.corrected + self.false_positive

    @property
    def reviewed(self) -> int:
        """Regions the reviewers left: confirmed + corrected + missed."""
        return self.confirmed + self.corrected + self.missed

    @property
    def confirmed_rate(self) -> float | None:
        """Share of the predicted regions left as they were; None where nothing was predicted."""
        return self.confirmed / self.predicted if self.predicted else None

    @property
    def ready_rate(self) -> float | None:
        """Share of all objects that the pre-annotation had right as it was; None where nothing is on the images."""
        return self.confirmed / self.reviewed if self.reviewed else None

    @property
    def missed_rate(self) -> float | None:
        """Share of the reviewed regions that had to be drawn; None where nothing is on the images."""
        return self.missed / self.reviewed if self.reviewed else None


def count(decisions: Iterable[Decision]) -> Rates:
    """Count decisions into rates."""
    counts = Counter(decisions)
    return Rates(**{decision.value: counts[decision] for decision in Decision})
