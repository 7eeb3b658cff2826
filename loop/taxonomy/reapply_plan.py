"""The changes from the old to the new matches, and their inverse. Pure."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from loop.errors import StalePlan

if TYPE_CHECKING:
    from loop.taxonomy.voting import Match

SAME_SCORE = 1e-4


@dataclass(frozen=True, slots=True)
class MatchChange:
    """The change of one detection's match; None is no match."""

    detection: str
    before: Match | None
    after: Match | None

    @property
    def moves(self) -> tuple[str | None, str | None] | None:
        """Return the nodes before and after; None if only the score or the votes differ."""
        old = self.before.node if self.before else None
        new = self.after.node if self.after else None
        return (old, new) if old != new else None


@dataclass(frozen=True, slots=True)
class ReapplyPlan:
    """
    The changes from the old to the new matches, in the order of the detections' keys.

    *token* is a hash of the content: equal changes give equal tokens.
    """

    changes: tuple[MatchChange, ...]
    token: str

    def summary(self) -> dict[tuple[str | None, str | None], int]:
        """Count the detections per pair of nodes (before, after), most first; None is unknown or not matched yet."""
        moves = Counter(change.moves for change in self.changes)
        return {move: times for move, times in moves.most_common() if move is not None}


def keep_if_equal(old: Match | None, new: Match) -> Match:
    """
    Return *old* if it equals *new*, else *new*: similarities of two searches differ in their last digits.

    Matches are equal with the same node, the same references and all scores within SAME_SCORE.
    """
    if old is None or old.node != new.node or abs(old.score - new.score) > SAME_SCORE:
        return new
    before, after = ({vote.reference: vote.score for vote in match.votes} for match in (old, new))
    is_same = before.keys() == after.keys() and all(abs(before[key] - after[key]) <= SAME_SCORE for key in before)
    return old if is_same else new


def plan_reapply(old: Mapping[str, Match], new: Mapping[str, Match]) -> ReapplyPlan:
    """
    Compare old and new matches by the keys of detections; equal matches are no change.

    A detection that *new* lacks loses its match.
    """
    changes = tuple(
        MatchChange(key, old.get(key), new.get(key)) for key in sorted({*old, *new}) if old.get(key) != new.get(key)
    )
    return ReapplyPlan(changes, _token(changes))


def invert(plan: ReapplyPlan) -> ReapplyPlan:
    """Return the plan that undoes a plan."""
    changes = tuple(MatchChange(change.detection, change.after, change.before) for change in plan.changes)
    return ReapplyPlan(changes, _token(changes))


def apply_plan(matches: Mapping[str, Match], plan: ReapplyPlan) -> dict[str, Match]:
    """Return the matches after a plan. Raises StalePlan if a match differs from the start of the plan."""
    moved = [change.detection for change in plan.changes if matches.get(change.detection) != change.before]
    if moved:
        raise StalePlan(
            f"plan {plan.token}: {len(moved)} matches have changed since, such as of {moved[0]}; plan again"
        )
    result = dict(matches)
    for change in plan.changes:
        if change.after is None:
            result.pop(change.detection, None)
        else:
            result[change.detection] = change.after
    return result


def _token(changes: tuple[MatchChange, ...]) -> str:
    content = json.dumps([asdict(change) for change in changes], sort_keys=True)
    return hashlib.sha256(content.encode()).hexdigest()[:16]
