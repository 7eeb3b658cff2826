"""Which threshold each node needs, from how its own references are matched without themselves. Pure."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from loop.taxonomy.matching import Codes, MatchPolicy, Neighbours, Scores, membership, node_scores
from loop.taxonomy.taxonomy import Taxonomy


class Basis(StrEnum):
    """Whose matches a threshold was read from."""

    OWN = "own references"
    SIBLINGS = "those of its siblings too"
    ALL = "all references"
    NOTHING = "too few references anywhere"


@dataclass(frozen=True, slots=True)
class CalibrationPolicy:
    """What a threshold should give, and how many matches it takes to tell."""

    risk: float = 0.15  # share of wrong ones among the accepted
    least_coverage: float = 0.8  # share of the right matches that are accepted even where the risk is then higher
    most_coverage: float = 0.95  # and that are accepted even where there is no risk, so that something is unknown
    least: int = 20


@dataclass(frozen=True, slots=True)
class Calibrated:
    """
    One node's threshold, with what it gives among the references: a row of the table.

    *coverage* is the share of the matches considered that are accepted, *risk* the share of wrong ones among these;
    None of nothing. *reaches* says whether the risk asked for is kept.
    """

    node: str
    references: int
    threshold: float
    coverage: float | None
    risk: float | None
    basis: Basis
    reaches: bool


@dataclass(frozen=True, slots=True)
class _Sample:
    """Matches to the best of some siblings: their scores, and whether each was right."""

    scores: Scores
    right: NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.scores)


def calibrate(
    taxonomy: Taxonomy,
    neighbours: Neighbours,
    truth: Codes,
    *,
    policy: CalibrationPolicy | None = None,
    votes: MatchPolicy | None = None,
) -> list[Calibrated]:
    """
    Read a threshold for every node from leave-one-out matches of the references, a row a node in their order.

    Row i of *neighbours* belongs to the reference whose place in the taxonomy is *truth[i]*; the reference itself, and
    whatever else shows the same object, must not be among its neighbours (`without_group`). A threshold is
    the least at which the accepted are wrong no more often than the policy allows, kept within the policy's limits of
    what share of the right ones it accepts. Where a node has too few
    matches, those of its siblings are taken too, then all; where these are too few as well, the default stays.
    """
    policy, votes = policy or CalibrationPolicy(), votes or MatchPolicy()
    scores = node_scores(taxonomy, neighbours, votes)
    member = np.vstack([membership(taxonomy), np.zeros(len(taxonomy.nodes), bool)])  # NOBODY is the last
    own = _samples(taxonomy, scores, member, truth)
    rows = []
    for place, node in enumerate(taxonomy.nodes):
        siblings = [one.id for one in taxonomy.children(node.parent)]
        pools = {
            Basis.OWN: own[node.id],
            Basis.SIBLINGS: _joined(own[one] for one in siblings),
            Basis.ALL: _joined(own.values()),
        }
        basis = next((basis for basis, pool in pools.items() if len(pool) >= policy.least), Basis.NOTHING)
        default = votes.threshold if node.threshold is None else node.threshold
        threshold = default if basis is Basis.NOTHING else _threshold(pools[basis], policy)
        accepted = own[node.id].right[own[node.id].scores >= threshold]
        risk = float(1 - accepted.mean()) if len(accepted) else None
        rows.append(
            Calibrated(
                node=node.id,
                references=int(member[truth, place].sum()),
                threshold=threshold,
                coverage=len(accepted) / len(own[node.id]) if len(own[node.id]) else None,
                risk=risk,
                basis=basis,
                reaches=risk is not None and risk <= policy.risk,
            )
        )
    return rows


def without_group(neighbours: Neighbours, own: NDArray[np.str_], groups: NDArray[np.str_], k: int) -> Neighbours:
    """
    Keep the *k* nearest neighbours that are not of a query's own group, NOBODY where fewer are left.

    *own* (queries) and *groups* (queries, neighbours) name what shows the same thing: a reference's id to leave out
    itself alone, its task to leave out the other boxes of its image too.
    """
    nodes = np.where(groups == own[:, None], -1, neighbours.nodes)
    order = np.argsort(np.where(nodes >= 0, -neighbours.scores, np.inf), axis=1, kind="stable")[:, :k]
    return Neighbours(*(np.take_along_axis(one, order, 1) for one in (neighbours.ids, neighbours.scores, nodes)))


def _samples(taxonomy: Taxonomy, scores: Scores, member: NDArray[np.bool_], truth: Codes) -> dict[str, _Sample]:
    """For each node, the matches that chose it among its siblings; only of references that its parent holds."""
    found = {}
    places = {node.id: place for place, node in enumerate(taxonomy.nodes)}
    for parent in (None, *(node.id for node in taxonomy.nodes)):
        children = [places[one.id] for one in taxonomy.children(parent)]
        if not children:
            continue
        asked = np.ones(len(truth), bool) if parent is None else member[truth, places[parent]]
        best = np.array(children)[scores[:, children].argmax(axis=1)]
        for place in children:
            chosen = asked & (best == place) & (scores[:, place] > 0)
            found[taxonomy.nodes[place].id] = _Sample(scores[chosen, place], member[truth[chosen], place])
    return found


def _joined(samples: Iterable[_Sample]) -> _Sample:
    parts = list(samples)
    return _Sample(np.concatenate([one.scores for one in parts]), np.concatenate([one.right for one in parts]))


def _threshold(sample: _Sample, policy: CalibrationPolicy) -> float:
    order = np.argsort(-sample.scores, kind="stable")
    scores, right = sample.scores[order], sample.right[order]
    wrong = np.cumsum(~right) / np.arange(1, len(right) + 1)
    last = np.append(scores[1:] != scores[:-1], True)  # equals are accepted together
    fine = np.flatnonzero((wrong <= policy.risk) & last)
    least = float(scores[fine[-1]]) if len(fine) else float(scores[0])
    if right.any():
        wide, narrow = np.quantile(scores[right], (1 - policy.least_coverage, 1 - policy.most_coverage), method="lower")
        least = float(np.clip(least, narrow, wide))
    return math.floor(1e4 * min(1.0, max(0.0, least))) / 1e4  # rounded so that the file can hold it
