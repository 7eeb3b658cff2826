"""Which tasks a shadow answers, and how it would have done there beside the version that served. Pure."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from loop.rates.rates import Rates, count
from loop.regions import Region
from loop.reviews.verdicts import JudgePolicy, Verdict, judge

ANY_PLACE = JudgePolicy(same_place=1.0)  # of boxes that overlap enough none counts as moved


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


def is_tried_on(project_id: int, task_id: int, share: float) -> bool:
    """Whether a task is in the share: the ids alone say, so it is the same tasks for every shadow and at every time."""
    digest = hashlib.sha256(f"shadow:{project_id}:{task_id}".encode()).digest()
    return int.from_bytes(digest[:8]) / 2**64 < share


def judge_by_overlap(predicted: Sequence[Region], reviewed: Sequence[Region]) -> list[Verdict]:
    """
    Judge what the reviewer did not see: a box with the label of one that overlaps it by half is confirmed.

    Region ids and exact places would only say whose boxes the reviewer had in front of them.
    """
    bare: dict[int, Region] = {}

    def plain(region: Region) -> Region:
        copy = replace(region, id="", rotation=0.0)
        bare[id(copy)] = region
        return copy

    ours, theirs = [plain(one) for one in predicted], [plain(one) for one in reviewed]
    return [
        replace(
            one,
            predicted=bare[id(one.predicted)] if one.predicted else None,
            reviewed=bare[id(one.reviewed)] if one.reviewed else None,
        )
        for one in judge(ours, theirs, ANY_PLACE)
    ]


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
