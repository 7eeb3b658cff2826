"""Calibration of each node's threshold by leave-one-out matches of the references. Pure."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from loop.taxonomy.taxonomy import Taxonomy
from loop.taxonomy.voting import MISSING, NOBODY, MatchPolicy, Neighbours, Places, Scores, membership, node_scores


class Basis(StrEnum):
    """The references on whose matches a threshold was calibrated."""

    OWN = "own references"
    SIBLINGS = "own and siblings' references"
    ALL = "all references"
    NOTHING = "too few references anywhere"


@dataclass(frozen=True, slots=True)
class CalibrationPolicy:
    """The limits of risk and coverage of a threshold, and the least number of matches."""

    risk: float = 0.15  # largest share of wrong matches among the accepted
    least_coverage: float = 0.8  # least share of right matches that are accepted, even at a higher risk
    most_coverage: float = 0.95  # largest share of right matches that are accepted, even without risk
    least: int = 20


@dataclass(frozen=True, slots=True)
class NodeCalibration:
    """
    One node's threshold with its effect on the references: one row of the table.

    *coverage* is the share of accepted matches, *risk* the share of wrong matches among them; None without matches.
    *reaches* says whether the risk is within the policy.
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
    """Matches to the best of several siblings: their scores, and whether each was right."""

    scores: Scores
    right: NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.scores)


def calibrate_nodes(
    taxonomy: Taxonomy,
    neighbours: Neighbours,
    truth: Places,
    *,
    policy: CalibrationPolicy | None = None,
    votes: MatchPolicy | None = None,
) -> list[NodeCalibration]:
    """
    Calibrate every node by leave-one-out matches of the references; return one row per node, in their order.

    Row i of *neighbours* belongs to the reference whose place in the taxonomy is *truth[i]*; the reference itself, and
    other references of the same object, must not be among its neighbours (`without_group`). A threshold is the least
    at which the share of wrong matches is within the policy, limited by the policy's coverage of right matches. A node
    with too few matches also uses those of its siblings, then all; if all are too few, the default stays.
    """
    policy, votes = policy or CalibrationPolicy(), votes or MatchPolicy()
    scores = node_scores(taxonomy, neighbours, votes)
    member = np.vstack([membership(taxonomy), np.zeros(len(taxonomy.nodes), bool)])  # NOBODY is the last
    own = _collect_samples(taxonomy, scores, member, truth)
    rows = []
    for place, node in enumerate(taxonomy.nodes):
        siblings = [sibling.id for sibling in taxonomy.children(node.parent)]
        pools = {
            Basis.OWN: own[node.id],
            Basis.SIBLINGS: _join(own[sibling] for sibling in siblings),
            Basis.ALL: _join(own.values()),
        }
        default = votes.threshold if node.threshold is None else node.threshold
        rows.append(_calibrate_node(node.id, int(member[truth, place].sum()), pools, default, policy))
    return rows


def _calibrate_node(
    node: str, references: int, pools: Mapping[Basis, _Sample], default: float, policy: CalibrationPolicy
) -> NodeCalibration:
    """Calibrate one node on the first pool that is large enough; measure the threshold on the node's own matches."""
    own = pools[Basis.OWN]
    basis = next((basis for basis, pool in pools.items() if len(pool) >= policy.least), Basis.NOTHING)
    threshold = default if basis is Basis.NOTHING else _find_threshold(pools[basis], policy)
    accepted = own.right[own.scores >= threshold]
    risk = float(1 - accepted.mean()) if len(accepted) else None
    return NodeCalibration(
        node=node,
        references=references,
        threshold=threshold,
        coverage=len(accepted) / len(own) if len(own) else None,
        risk=risk,
        basis=basis,
        reaches=risk is not None and risk <= policy.risk,
    )


def without_group(neighbours: Neighbours, own: NDArray[np.str_], groups: NDArray[np.str_], k: int) -> Neighbours:
    """
    Keep the *k* nearest neighbours outside a query's own group; MISSING with NOBODY fills missing places.

    *own* (queries) and *groups* (queries, neighbours) name groups of the same object: the id of a reference leaves out
    itself only, its task leaves out the other boxes of its image too.
    """
    is_own = groups == own[:, None]
    ids, nodes = np.where(is_own, MISSING, neighbours.ids), np.where(is_own, NOBODY, neighbours.nodes)
    order = np.argsort(np.where(ids != MISSING, -neighbours.scores, np.inf), axis=1, kind="stable")[:, :k]
    return Neighbours(*(np.take_along_axis(array, order, 1) for array in (ids, neighbours.scores, nodes)))


def _collect_samples(
    taxonomy: Taxonomy, scores: Scores, member: NDArray[np.bool_], truth: Places
) -> dict[str, _Sample]:
    """Return for each node the matches that chose it among its siblings, of references under its parent."""
    samples = {}
    places = {node.id: place for place, node in enumerate(taxonomy.nodes)}
    for parent in (None, *(node.id for node in taxonomy.nodes)):
        children = [places[child.id] for child in taxonomy.children(parent)]
        if not children:
            continue
        is_under_parent = np.ones(len(truth), bool) if parent is None else member[truth, places[parent]]
        best = np.array(children)[scores[:, children].argmax(axis=1)]
        for place in children:
            chosen = is_under_parent & (best == place) & (scores[:, place] > 0)
            samples[taxonomy.nodes[place].id] = _Sample(scores[chosen, place], member[truth[chosen], place])
    return samples


def _join(samples: Iterable[_Sample]) -> _Sample:
    parts = list(samples)
    return _Sample(np.concatenate([part.scores for part in parts]), np.concatenate([part.right for part in parts]))


def _find_threshold(sample: _Sample, policy: CalibrationPolicy) -> float:
    order = np.argsort(-sample.scores, kind="stable")
    scores, right = sample.scores[order], sample.right[order]
    wrong = np.cumsum(~right) / np.arange(1, len(right) + 1)
    last = np.append(scores[1:] != scores[:-1], True)  # equal scores are accepted together
    allowed = np.flatnonzero((wrong <= policy.risk) & last)
    least = float(scores[allowed[-1]]) if len(allowed) else float(scores[0])
    if right.any():
        wide, narrow = np.quantile(scores[right], (1 - policy.least_coverage, 1 - policy.most_coverage), method="lower")
        least = float(np.clip(least, narrow, wide))
    return math.floor(1e4 * min(1.0, max(0.0, least))) / 1e4  # rounded so that the file can hold it
