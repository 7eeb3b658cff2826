"""Which node of the taxonomy a detection is, by a vote of its nearest references. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from loop.errors import PayloadError
from loop.taxonomy.taxonomy import Node, Taxonomy

NOBODY = -1  # the node of a neighbour that is not there, or whose label no node has
CHUNK = 4096  # queries scored at a time

Scores = NDArray[np.float32]
Codes = NDArray[np.intp]


@dataclass(frozen=True, slots=True)
class MatchPolicy:
    """How a vote is counted."""

    threshold: float = 0.4  # of a node that has none of its own
    temperature: float = 0.07  # the difference of two similarities at which the nearer counts e times as much
    nearest: int = 3  # supporters whose mean similarity says how close a node is


@dataclass(frozen=True)
class Neighbours:
    """
    The nearest references of each query: *ids* and *scores* (queries, k), *nodes* (queries, k) as places in the tree.

    Scores are cosine similarities, in any order. A neighbour that is not there has the node NOBODY.
    """

    ids: NDArray[np.str_]
    scores: Scores
    nodes: Codes

    def __post_init__(self) -> None:
        if not self.ids.shape == self.scores.shape == self.nodes.shape or self.ids.ndim != 2:
            found = (self.ids.shape, self.scores.shape, self.nodes.shape)
            raise PayloadError("neighbours", "three arrays of one shape (queries, k)", found)

    def __getitem__(self, rows: slice) -> Neighbours:
        return Neighbours(self.ids[rows], self.scores[rows], self.nodes[rows])


@dataclass(frozen=True, slots=True)
class Vote:
    """One reference that voted for a match, and its similarity."""

    reference: str
    score: float


@dataclass(frozen=True, slots=True)
class Match:
    """
    What a detection was matched to: a node's id, None where it is unknown.

    *score* is the node's; of an unknown, the best root's. *votes* are the references that stand behind it, best first.
    """

    node: str | None
    score: float
    votes: tuple[Vote, ...] = ()


def codes(taxonomy: Taxonomy, labels: Sequence[str]) -> Codes:
    """The place in the taxonomy of each label's node; NOBODY for labels that no node has."""
    places = {node.id: place for place, node in enumerate(taxonomy.nodes)}
    found = {label: places[node] for label, node in taxonomy.node_of_label.items()}
    return np.array([found.get(label, NOBODY) for label in labels], np.intp)


def match(taxonomy: Taxonomy, neighbours: Neighbours, policy: MatchPolicy | None = None) -> list[Match]:
    """
    Match every query: from the roots down, to the best child for as long as it reaches its threshold.

    Where no root does, or nobody votes, the query is unknown. Deterministic: of equals, the first in the taxonomy wins.
    """
    policy = policy or MatchPolicy()
    found: list[Match] = []
    for part in _chunks(neighbours):
        scores = node_scores(taxonomy, part, policy)
        placed, reached = descend(taxonomy, scores, policy)
        found += _with_votes(taxonomy, part, placed, reached)
    return found


def node_scores(taxonomy: Taxonomy, neighbours: Neighbours, policy: MatchPolicy) -> Scores:
    """
    Score every node for every query, float32 (queries, nodes), in [0, 1].

    A node's score is the square root of its share of the votes, its descendants' included, times the mean similarity
    of the nearest of these, and no less than any of its children's. The nearer a neighbour, the more it counts:
    exp(similarity / temperature).
    """
    member = membership(taxonomy)
    queries, _ = neighbours.scores.shape
    found = np.zeros((queries, len(taxonomy.nodes)), np.float32)
    here = neighbours.nodes >= 0
    if not here.any() or not taxonomy.nodes:
        return found
    order = np.argsort(np.where(here, -neighbours.scores, np.inf), axis=1, kind="stable")
    similarity = np.take_along_axis(np.where(here, neighbours.scores, 0.0), order, 1).clip(0.0, 1.0)
    nodes = np.take_along_axis(neighbours.nodes, order, 1)
    weights = np.where(nodes >= 0, np.exp((similarity - similarity[:, :1]) / policy.temperature), 0.0)
    total = weights.sum(axis=1)
    for place in range(len(taxonomy.nodes)):
        mine = np.append(member[:, place], False)[nodes]  # NOBODY is -1, the last
        near = mine & (np.cumsum(mine, axis=1) <= policy.nearest)
        closeness = (similarity * near).sum(axis=1) / np.maximum(near.sum(axis=1), 1)
        found[:, place] = np.sqrt((weights * mine).sum(axis=1) / np.maximum(total, 1e-12)) * closeness
    return np.stack([found[:, member[:, place]].max(axis=1) for place in range(len(taxonomy.nodes))], axis=1)


def descend(taxonomy: Taxonomy, scores: Scores, policy: MatchPolicy) -> tuple[Codes, Scores]:
    """Go down from the roots; return the place reached by each query, NOBODY for unknown, and its score."""
    placed = np.full(len(scores), NOBODY, np.intp)
    reached = np.zeros(len(scores), np.float32)
    places = {node.id: place for place, node in enumerate(taxonomy.nodes)}
    level: list[tuple[Node | None, Codes]] = [(None, np.arange(len(scores)))]
    while level:
        parent, rows = level.pop()
        children = taxonomy.children(parent.id if parent else None)
        if not children or not len(rows):
            continue
        columns = np.array([places[child.id] for child in children])
        limits = np.array([policy.threshold if one.threshold is None else one.threshold for one in children])
        among = scores[np.ix_(rows, columns)]
        best = among.argmax(axis=1)
        score = among[np.arange(len(rows)), best]
        holds = (score >= limits[best]) & (score > 0.0)  # a threshold of 0 still wants somebody's vote
        if parent is None:
            reached[rows] = score
        placed[rows[holds]], reached[rows[holds]] = columns[best[holds]], score[holds]
        level += [(child, rows[holds & (best == index)]) for index, child in enumerate(children)]
    return placed, reached


def membership(taxonomy: Taxonomy) -> NDArray[np.bool_]:
    """Whether node i is node j or below it, (nodes, nodes)."""
    places = {node.id: place for place, node in enumerate(taxonomy.nodes)}
    found = np.zeros((len(places), len(places)), bool)
    for node in taxonomy.nodes:
        found[places[node.id], [places[one] for one in taxonomy.path(node.id)]] = True
    return found


def _with_votes(taxonomy: Taxonomy, neighbours: Neighbours, placed: Codes, reached: Scores) -> Iterator[Match]:
    """Add the references behind each match; behind an unknown, all that were near."""
    member = membership(taxonomy)
    below = np.vstack([member, np.zeros(len(taxonomy.nodes), bool)])  # NOBODY is -1, the last
    for row, place in enumerate(placed):
        nodes = neighbours.nodes[row]
        mine = nodes >= 0 if place == NOBODY else below[nodes, place]
        votes = sorted(zip(-neighbours.scores[row][mine], neighbours.ids[row][mine], strict=True))
        node = None if place == NOBODY else taxonomy.nodes[place].id
        yield Match(node, float(reached[row]), tuple(Vote(str(name), float(-score)) for score, name in votes))


def _chunks(neighbours: Neighbours) -> Iterator[Neighbours]:
    for start in range(0, len(neighbours.ids), CHUNK):
        yield neighbours[start : start + CHUNK]
