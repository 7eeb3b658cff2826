"""The rates of verdicts by week: of a whole project, and of each group of a grouping. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from loop.rates.rates import NO_VALUE, Grouping, Rates
from loop.registry.version_order import version_key
from loop.reviews.verdicts import Decision

MOST_WEEKS = 260  # shown; older verdicts are in the totals alone
WEEK = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class DayCount:
    """The number of verdicts of one group, day and decision."""

    group: str
    day: date
    decision: Decision
    is_relabelled: bool
    verdicts: int


@dataclass(frozen=True, slots=True)
class RateLine:
    """One group: all its verdicts counted, the same by week, and the advice for it."""

    name: str
    rates: Rates
    weeks: Mapping[str, Rates]
    advice: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class RatesOverTime:
    """
    The rates of a project by week.

    *weeks* has every week (ISO 8601) from the first verdict to the last, at most MOST_WEEKS. *lines* are the largest
    groups, in their order; *by* None has no lines. *more_groups* and *more_verdicts* count the groups left out.
    """

    by: Grouping
    weeks: tuple[str, ...]
    whole: RateLine
    lines: tuple[RateLine, ...]
    more_groups: int
    more_verdicts: int


def arrange_by_week(
    counts: Sequence[DayCount], by: Grouping, most: int, advice: Mapping[str, tuple[str, ...]]
) -> RatesOverTime:
    """
    Arrange counts by week: of the whole, and of the *most* largest groups; 0: of all groups.

    *advice* is by group; by week, that of the whole is under NO_VALUE.
    """
    groups: dict[str, list[DayCount]] = {}
    for count in counts if by != Grouping.WEEK else ():
        groups.setdefault(count.group, []).append(count)
    lines = sorted((_make_line(name, members, advice.get(name, ())) for name, members in groups.items()), key=_rank)
    shown, hidden = (lines[:most], lines[most:]) if most else (lines, [])
    return RatesOverTime(
        by=by,
        weeks=_list_weeks([count.day for count in counts]),
        whole=_make_line("all", counts, advice.get(NO_VALUE, ()) if by == Grouping.WEEK else ()),
        lines=tuple(sorted(shown, key=lambda line: version_key(line.name)) if by == Grouping.VERSION else shown),
        more_groups=len(hidden),
        more_verdicts=sum(_count_verdicts(line.rates) for line in hidden),
    )


def _make_line(name: str, counts: Iterable[DayCount], advice: tuple[str, ...]) -> RateLine:
    weeks: dict[str, Counter[str]] = {}
    whole: Counter[str] = Counter()
    for count in counts:
        of_week = weeks.setdefault(f"{count.day:%G-W%V}", Counter())
        for counter in (of_week, whole):
            counter[count.decision.value] += count.verdicts
            counter["relabelled"] += count.verdicts * count.is_relabelled
    by_week = {week: Rates(**of_week) for week, of_week in sorted(weeks.items())}
    return RateLine(name, Rates(**whole), by_week, advice)


def _rank(line: RateLine) -> tuple[int, str]:
    return -_count_verdicts(line.rates), line.name


def _count_verdicts(rates: Rates) -> int:
    return rates.predicted + rates.missed


def _list_weeks(days: list[date]) -> tuple[str, ...]:
    if not days:
        return ()
    last = max(days)
    number = min(MOST_WEEKS, (_find_monday(last) - _find_monday(min(days))) // WEEK + 1)
    return tuple(f"{last - WEEK * back:%G-W%V}" for back in reversed(range(number)))


def _find_monday(day: date) -> date:
    return day - timedelta(days=day.weekday())
