"""The vote of the nearest references, which matches detections to nodes of the taxonomy. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from loop.errors import PayloadError
from loop.taxonomy.taxonomy import Node, Taxonomy

NOBODY = -1  # the node of a missing neighbour, or of a label without a node
MISSING = ""  # the id of a missing neighbour
CHUNK = 4096  # queries per batch

Scores = NDArray[np.float32]
Places = NDArray[np.intp]  # of nodes in the taxonomy


@dataclass(frozen=True, slots=True)
class MatchPolicy:
    """The rules of a vote."""

    threshold: float = 0.4  # of a node without its own threshold
    temperature: float = 0.07  # the difference of two similarities at which the nearer counts e times as much
    nearest: int = 3  # supporters whose mean similarity says how close a node is


@dataclass(frozen=True)
class Neighbours:
    """
    The nearest references of each query: *ids* and *scores* (queries, k), *nodes* (queries, k) as places in the tree.

    Scores are cosine similarities, in any order. A missing neighbour has the id MISSING and the node NOBODY.
    """

    ids: NDArray[np.str_]
    scores: Scores
    nodes: Places

    def __post_init__(self) -> None:
        if not self.ids.shape == self.scores.shape == self.nodes.shape or self.ids.ndim != 2:
            shapes = (self.ids.shape, self.scores.shape, self.nodes.shape)
            raise PayloadError("neighbours", "three arrays of one shape (queries, k)", shapes)

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
    The match of a detection: the id of a node, None for unknown.

    *score* is the score of the node; for unknown, of the best root. *votes* are the supporting references, best first.
    """

    node: str | None
    score: float
    votes: tuple[Vote, ...] = ()


def find_places(taxonomy: Taxonomy, labels: Sequence[str]) -> Places:
    """Return the place in the taxonomy of each label's node; NOBODY for labels without a node."""
    places = {node.id: place for place, node in enumerate(taxonomy.nodes)}
    place_of_label = {label: places[node] for label, node in taxonomy.node_of_label.items()}
    return np.array([place_of_label.get(label, NOBODY) for label in labels], np.intp)


def vote(taxonomy: Taxonomy, neighbours: Neighbours, policy: MatchPolicy | None = None) -> list[Match]:
    """
    Match every query: from the roots down, to the best child while its score reaches its threshold.

    If no root reaches its threshold, or no neighbour votes, the query is unknown. Of equal scores, the first in the
    taxonomy wins.
    """
    policy = policy or MatchPolicy()
    matches: list[Match] = []
    for part in _chunks(neighbours):
        scores = node_scores(taxonomy, part, policy)
        matches += _add_votes(taxonomy, part, *descend(taxonomy, scores, policy))
    return matches


def node_scores(taxonomy: Taxonomy, neighbours: Neighbours, policy: MatchPolicy) -> Scores:
    """
    Score every node for every query, float32 (queries, nodes), in [0, 1].

    The score of a node is the square root of its share of the votes, including its descendants, times the mean
    similarity of its nearest supporters; it is at least the score of each child. A vote weighs
    exp(similarity / temperature). A neighbour whose label has no node votes too, for no node.
    """
    member = membership(taxonomy)
    queries, _ = neighbours.scores.shape
    scores = np.zeros((queries, len(taxonomy.nodes)), np.float32)
    is_there = neighbours.ids != MISSING
    if not (neighbours.nodes >= 0).any() or not taxonomy.nodes:
        return scores
    order = np.argsort(np.where(is_there, -neighbours.scores, np.inf), axis=1, kind="stable")
    similarity = np.take_along_axis(np.where(is_there, neighbours.scores, 0.0), order, 1).clip(0.0, 1.0)
    nodes = np.take_along_axis(neighbours.nodes, order, 1)
    has_vote = np.take_along_axis(is_there, order, 1)
    weights = np.where(has_vote, np.exp((similarity - similarity[:, :1]) / policy.temperature), 0.0)
    total = weights.sum(axis=1)
    for place in range(len(taxonomy.nodes)):
        is_member = np.append(member[:, place], False)[nodes]  # NOBODY is -1, the last
        is_near = is_member & (np.cumsum(is_member, axis=1) <= policy.nearest)
        closeness = (similarity * is_near).sum(axis=1) / np.maximum(is_near.sum(axis=1), 1)
        scores[:, place] = np.sqrt((weights * is_member).sum(axis=1) / np.maximum(total, 1e-12)) * closeness
    return np.stack([scores[:, member[:, place]].max(axis=1) for place in range(len(taxonomy.nodes))], axis=1)


def descend(taxonomy: Taxonomy, scores: Scores, policy: MatchPolicy) -> tuple[Places, Scores]:
    """Go down from the roots; return the place that each query reaches, NOBODY for unknown, and its score."""
    reached = np.full(len(scores), NOBODY, np.intp)
    best_scores = np.zeros(len(scores), np.float32)
    places = {node.id: place for place, node in enumerate(taxonomy.nodes)}
    level: list[tuple[Node | None, Places]] = [(None, np.arange(len(scores)))]
    while level:
        parent, rows = level.pop()
        children = taxonomy.children(parent.id if parent else None)
        if not children or not len(rows):
            continue
        columns = np.array([places[child.id] for child in children])
        thresholds = [policy.threshold if child.threshold is None else child.threshold for child in children]
        limits = np.array(thresholds, np.float32)  # rounded as scores are: an equal score reaches its threshold
        among = scores[np.ix_(rows, columns)]
        best = among.argmax(axis=1)
        score = among[np.arange(len(rows)), best]
        holds = (score >= limits[best]) & (score > 0.0)  # a threshold of 0 still needs a vote
        if parent is None:
            best_scores[rows] = score
        reached[rows[holds]], best_scores[rows[holds]] = columns[best[holds]], score[holds]
        level += [(child, rows[holds & (best == index)]) for index, child in enumerate(children)]
    return reached, best_scores


def membership(taxonomy: Taxonomy) -> NDArray[np.bool_]:
    """Return whether node i is node j or below it, bool (nodes, nodes)."""
    places = {node.id: place for place, node in enumerate(taxonomy.nodes)}
    member = np.zeros((len(places), len(places)), bool)
    for node in taxonomy.nodes:
        member[places[node.id], [places[ancestor] for ancestor in taxonomy.path(node.id)]] = True
    return member


def _add_votes(taxonomy: Taxonomy, neighbours: Neighbours, places: Places, scores: Scores) -> Iterator[Match]:
    """Yield matches with their supporting references; an unknown match gets all neighbours with a node."""
    member = membership(taxonomy)
    below = np.vstack([member, np.zeros(len(taxonomy.nodes), bool)])  # NOBODY is -1, the last
    for row, place in enumerate(places):
        nodes = neighbours.nodes[row]
        mine = nodes >= 0 if place == NOBODY else below[nodes, place]
        votes = sorted(zip(-neighbours.scores[row][mine], neighbours.ids[row][mine], strict=True))
        node = None if place == NOBODY else taxonomy.nodes[place].id
        yield Match(node, float(scores[row]), tuple(Vote(str(name), float(-score)) for score, name in votes))


def _chunks(neighbours: Neighbours) -> Iterator[Neighbours]:
    for start in range(0, len(neighbours.ids), CHUNK):
        yield neighbours[start : start + CHUNK]
