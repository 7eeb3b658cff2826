"""Rates of a shadow and of the version that served, on the same tasks. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from loop.rates.rates import Rates, count
from loop.regions import Region
from loop.reviews.verdicts import judge_by_overlap


@dataclass(frozen=True, slots=True)
class ShadowAnswer:
    """The predictions of both versions on one task, and the regions that the reviewer left."""

    shadow: str
    champion: str
    by_shadow: tuple[Region, ...]
    by_champion: tuple[Region, ...]
    reviewed: tuple[Region, ...]


@dataclass(frozen=True, slots=True)
class SideBySide:
    """The rates of both versions on the same tasks, judged by overlap."""

    tasks: int
    shadow: Rates
    champion: Rates


def compare_side_by_side(answers: Iterable[ShadowAnswer]) -> dict[tuple[str, str], SideBySide]:
    """Compare each shadow with the champion of its time, on the tasks that both answered."""
    groups: dict[tuple[str, str], list[ShadowAnswer]] = {}
    for answer in answers:
        groups.setdefault((answer.shadow, answer.champion), []).append(answer)
    return {
        pair: SideBySide(
            len(members),
            _count_rates((answer.by_shadow, answer.reviewed) for answer in members),
            _count_rates((answer.by_champion, answer.reviewed) for answer in members),
        )
        for pair, members in groups.items()
    }


def _count_rates(pairs: Iterable[tuple[Sequence[Region], Sequence[Region]]]) -> Rates:
    verdicts = [verdict for predicted, reviewed in pairs for verdict in judge_by_overlap(predicted, reviewed)]
    return count(
        (verdict.decision for verdict in verdicts), relabelled=sum(verdict.is_relabelled for verdict in verdicts)
    )
