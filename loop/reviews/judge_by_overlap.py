"""Judge predictions that the reviewer did not see. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from loop.regions import Region
from loop.reviews.verdicts import JudgePolicy, Verdict, judge

ANY_PLACE = JudgePolicy(same_place=1.0)  # of boxes that overlap enough none counts as moved


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
