"""The votes of the nearest references for labels that no class of a version is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Protocol

from loop.label_studio.classes import name_today
from loop.label_studio.label_config import LabelConfig
from loop.references.entries import CollectionKind, Neighbour
from loop.serving.reference_labels import LabelVote, list_names
from loop.taxonomy.match import NEAREST, stack_neighbours
from loop.taxonomy.room import TaxonomyRoom
from loop.taxonomy.taxonomy import Node, Taxonomy
from loop.taxonomy.voting import MatchPolicy, vote
from loop.vision.embedding import Space, Vectors

POLICY = MatchPolicy(threshold=0.5)  # of a label whose node has no threshold


class References(Protocol):
    """The references in one space."""

    def search(self, vectors: Vectors, k: int) -> list[list[Neighbour]]:
        """Return the *k* nearest references of each vector, nearest first."""


@dataclass(frozen=True, slots=True)
class LabelVoting:
    """
    Votes by the *references* in one space, for the *labels* that a version lacks.

    All labels take part, so that a box that looks like a label that the version knows gets no vote. *thresholds* are
    those of the nodes of the taxonomy in force, by label.
    """

    config: LabelConfig
    labels: frozenset[str]
    thresholds: Mapping[str, float]
    references: References

    def vote(self, vectors: Vectors) -> list[LabelVote | None]:
        """Return the vote on each unit vector, float32 (n, dimension); None for another label. Raises MilvusDown."""
        if not len(vectors):
            return []
        hits = self._rename(self.references.search(vectors, NEAREST))
        labels = (neighbour.entry.label for nearest in hits for neighbour in nearest)
        names = sorted({label for label in labels if label.strip()})  # of equal scores, the first wins in any batch
        flat = Taxonomy(tuple(Node(name, labels=(name,), threshold=self.thresholds.get(name)) for name in names))
        return [
            LabelVote(match.node, match.score, tuple((voter.reference, voter.score) for voter in match.votes))
            if match.node in self.labels
            else None
            for match in vote(flat, stack_neighbours(flat, hits), POLICY)
        ]

    def _rename(self, hits: Sequence[Sequence[Neighbour]]) -> list[list[Neighbour]]:
        """Return neighbours with the labels of today: old reviews have the former names of renamed classes."""
        labels = name_today(self.config, (neighbour.entry.label for nearest in hits for neighbour in nearest))

        def rename(neighbour: Neighbour) -> Neighbour:
            return Neighbour(replace(neighbour.entry, label=labels[neighbour.entry.label]), neighbour.similarity)

        return [[rename(neighbour) for neighbour in nearest] for nearest in hits]


def count_references(
    taxonomies: TaxonomyRoom,
    project_id: int,
    space: Space,
    config: LabelConfig,
    labels: Sequence[str],
    until: datetime | None = None,
) -> dict[str, int]:
    """
    Count the references that vote for labels, by the labels that they have in the records.

    With *until*, without those that were made or changed after that moment.
    """
    if not labels:
        return {}
    names = list_names(config, labels, taxonomies.studio.classes.book(project_id).labels(()).ids)
    return taxonomies.counts.of_labels(project_id, space, names, until)


def open_voting(
    taxonomies: TaxonomyRoom, project_id: int, space: Space, config: LabelConfig, labels: Sequence[str]
) -> LabelVoting | None:
    """Return the voting for labels; None before the first references. Raises MilvusDown."""
    references = taxonomies.references.milvus.find(project_id, CollectionKind.REFERENCES, space)
    if references is None:
        return None
    taxonomy = taxonomies.store.current(project_id) or Taxonomy()
    nodes = {label: taxonomy.by_id[node] for label, node in taxonomy.node_of_label.items()}
    thresholds = {label: node.threshold for label, node in nodes.items() if node.threshold is not None}
    return LabelVoting(config, frozenset(labels), thresholds, references)
