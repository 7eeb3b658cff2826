"""How often the label of a double, a box held back beside a surer box on the same object, was the right label. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from loop.label_studio.classes import Synonyms, name_classes
from loop.regions import Region, read_regions
from loop.reviews.verdicts import Decision, judge_double


@dataclass(frozen=True, slots=True)
class JudgedDouble:
    """A double with another label than the shown box, and the boxes that the reviewer left on its image."""

    version: str
    double: Region
    shown: Region
    reviewed: tuple[Region, ...]


@dataclass(frozen=True, slots=True)
class DoubleCounts:
    """The doubles of a version on reviewed tasks: for how many the shown label was right, for how many their own."""

    held_back: int = 0
    shown_right: int = 0
    own_right: int = 0


def read_doubles(rows: Sequence[Any], synonyms: Synonyms) -> Iterator[JudgedDouble]:
    """
    Read the doubles of a prediction from *rows* of the records, one for each verdict on it.

    *synonyms* are those of the classes: labels are the current names.
    """
    prediction = rows[0]
    shown = {region.id: region for region in name_classes(read_regions(prediction.regions), synonyms)}
    reviewed = name_classes(read_regions(row.reviewed for row in rows if row.reviewed), synonyms)
    for region in name_classes(read_regions(prediction.candidates), synonyms):
        surer = shown.get(region.double_of)
        if surer and surer.label != region.label:
            yield JudgedDouble(prediction.version, region, surer, reviewed)


def count_doubles(doubles: Iterable[JudgedDouble]) -> dict[str, DoubleCounts]:
    """Count doubles by version."""
    by_version: dict[str, list[JudgedDouble]] = {}
    for double in doubles:
        by_version.setdefault(double.version, []).append(double)
    return {version: _count(judged) for version, judged in by_version.items()}


def _count(judged: Sequence[JudgedDouble]) -> DoubleCounts:
    return DoubleCounts(
        held_back=len(judged),
        shown_right=_count_right((double.shown, double.reviewed) for double in judged),
        own_right=_count_right((double.double, double.reviewed) for double in judged),
    )


def _count_right(pairs: Iterable[tuple[Region, Sequence[Region]]]) -> int:
    return sum(judge_double(region, reviewed) == Decision.CONFIRMED for region, reviewed in pairs)
