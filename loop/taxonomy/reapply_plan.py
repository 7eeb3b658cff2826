"""What a new matching would change in the old one, and how to take it back. Pure."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass

from loop.errors import StalePlan
from loop.taxonomy.matching import Match

SAME_SCORE = 1e-4


@dataclass(frozen=True, slots=True)
class Change:
    """What becomes of one detection's match; None where there is none."""

    detection: str
    before: Match | None
    after: Match | None

    @property
    def moves(self) -> tuple[str | None, str | None] | None:
        """The node before and after, where these differ; None where only the score or the votes do."""
        old = self.before.node if self.before else None
        new = self.after.node if self.after else None
        return (old, new) if old != new else None


@dataclass(frozen=True, slots=True)
class Plan:
    """
    The changes that lead from one matching to another, in the order of the detections' keys.

    *token* names the plan by content: the same old and new matches give the same one, any other gives another.
    """

    changes: tuple[Change, ...]
    token: str

    def summary(self) -> dict[tuple[str | None, str | None], int]:
        """How many detections go from which node to which, the most first; None is unknown or not matched yet."""
        moves = Counter(change.moves for change in self.changes)
        return {move: times for move, times in moves.most_common() if move is not None}


def settled(old: Match | None, new: Match) -> Match:
    """
    The old match where the new one says the same: a search gives similarities that differ in their last digits.

    The same are those of one node, by the same references, with all scores within SAME_SCORE.
    """
    if old is None or old.node != new.node or abs(old.score - new.score) > SAME_SCORE:
        return new
    before, after = ({vote.reference: vote.score for vote in one.votes} for one in (old, new))
    is_same = before.keys() == after.keys() and all(abs(before[key] - after[key]) <= SAME_SCORE for key in before)
    return old if is_same else new


def plan_reapply(old: Mapping[str, Match], new: Mapping[str, Match]) -> Plan:
    """
    Compare two matchings by the detections' keys; what is equal is no change.

    A detection that *new* lacks loses its match.
    """
    changes = tuple(
        Change(key, old.get(key), new.get(key)) for key in sorted({*old, *new}) if old.get(key) != new.get(key)
    )
    return Plan(changes, _token(changes))


def inverse(plan: Plan) -> Plan:
    """The plan that takes a plan back; stored beside it, it is the undo."""
    changes = tuple(Change(one.detection, one.after, one.before) for one in plan.changes)
    return Plan(changes, _token(changes))


def applied(matches: Mapping[str, Match], plan: Plan) -> dict[str, Match]:
    """Follow a plan. Raises StalePlan where a match is no longer what the plan starts from; then nothing is done."""
    moved = [change.detection for change in plan.changes if matches.get(change.detection) != change.before]
    if moved:
        raise StalePlan(f"plan {plan.token}: {len(moved)} matches are others by now, such as of {moved[0]}; plan again")
    found = dict(matches)
    for change in plan.changes:
        if change.after is None:
            found.pop(change.detection, None)
        else:
            found[change.detection] = change.after
    return found


def _token(changes: tuple[Change, ...]) -> str:
    content = json.dumps([asdict(change) for change in changes], sort_keys=True)
    return hashlib.sha256(content.encode()).hexdigest()[:16]
