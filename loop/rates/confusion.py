"""Which labels reviewers left on the boxes of each predicted label, and which pairs are confused. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice

MOST_LABELS = 12  # of a table; pairs of other labels are counted


@dataclass(frozen=True, slots=True)
class ConfusedPair:
    """
    A predicted label and the label that the reviewer left, with the number of such boxes.

    *predicted* is None for an object that was missed, *reviewed* for a box that the reviewer deleted.
    """

    predicted: str | None
    reviewed: str | None
    boxes: int

    @property
    def is_agreed(self) -> bool:
        """Whether the reviewer left the label as it was predicted."""
        return self.predicted == self.reviewed


@dataclass(frozen=True, slots=True)
class Confusion:
    """
    The pairs of a project, most boxes first; of one *version*, or of all if it is None.

    *labels* are the labels of a table, most boxes first; pairs with any other label have *more_boxes* boxes.
    """

    version: str | None
    labels: tuple[str, ...]
    pairs: tuple[ConfusedPair, ...]
    more_labels: int
    more_boxes: int

    def count(self, predicted: str | None, reviewed: str | None) -> int:
        """Return the boxes of a pair."""
        wanted = (predicted, reviewed)
        return next((pair.boxes for pair in self.pairs if (pair.predicted, pair.reviewed) == wanted), 0)

    def list_mistaken(self, most: int = 10) -> list[ConfusedPair]:
        """Return the pairs of two different labels, most boxes first."""
        mistaken = (pair for pair in self.pairs if not pair.is_agreed and None not in (pair.predicted, pair.reviewed))
        return [*islice(mistaken, most)]


def make_confusion(pairs: Sequence[ConfusedPair], version: str | None, most: int = MOST_LABELS) -> Confusion:
    """Return the table of pairs, with the *most* labels that have most boxes; 0: all labels."""
    sizes: Counter[str] = Counter()
    for pair in pairs:
        for label in {pair.predicted, pair.reviewed} - {None}:
            sizes[str(label)] += pair.boxes
    ranked = sorted(sizes, key=lambda label: (-sizes[label], label))
    labels = tuple(ranked[: most or None])
    shown = {*labels, None}
    return Confusion(
        version=version,
        labels=labels,
        pairs=tuple(sorted(pairs, key=lambda pair: (-pair.boxes, pair.predicted or "", pair.reviewed or ""))),
        more_labels=len(ranked) - len(labels),
        more_boxes=sum(pair.boxes for pair in pairs if not {pair.predicted, pair.reviewed} <= shown),
    )
