"""How a shadow would have done on tasks beside the version that served. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from loop.rates.rates import Rates, count
from loop.regions import Region
from loop.reviews.judge_by_overlap import judge_by_overlap


@dataclass(frozen=True, slots=True)
class Tried:
    """What both versions predicted on one task, and what the reviewer left."""

    shadow: str
    champion: str
    by_shadow: tuple[Region, ...]
    by_champion: tuple[Region, ...]
    reviewed: tuple[Region, ...]


@dataclass(frozen=True, slots=True)
class SideBySide:
    """Both versions on the same tasks, by overlap."""

    tasks: int
    shadow: Rates
    champion: Rates


def side_by_side(tried: Iterable[Tried]) -> dict[tuple[str, str], SideBySide]:
    """Each shadow and the champion it was tried beside, on the tasks that both answered."""
    groups: dict[tuple[str, str], list[Tried]] = {}
    for one in tried:
        groups.setdefault((one.shadow, one.champion), []).append(one)
    return {
        pair: SideBySide(
            len(found),
            _rates((one.by_shadow, one.reviewed) for one in found),
            _rates((one.by_champion, one.reviewed) for one in found),
        )
        for pair, found in groups.items()
    }


def _rates(pairs: Iterable[tuple[Sequence[Region], Sequence[Region]]]) -> Rates:
    verdicts = [one for predicted, reviewed in pairs for one in judge_by_overlap(predicted, reviewed)]
    return count((one.decision for one in verdicts), relabelled=sum(one.is_relabelled for one in verdicts))
