"""Trace a region to its match and the references that voted for it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from loop.references.entries import CollectionKind, crop_key, entry_key
from loop.references.plan import source_of
from loop.references.vector_store import Row
from loop.serving.store import LoggedPrediction
from loop.taxonomy.matching import Vote
from loop.taxonomy.room import TaxonomyRoom


@dataclass(frozen=True, slots=True)
class Voter:
    """A reference that voted for a match; *task* and *region* are None if it is no longer a reference."""

    similarity: float
    reference: str
    label: str | None = None
    task: int | None = None
    region: str | None = None


@dataclass(frozen=True, slots=True)
class Matched:
    """The match of a region to the taxonomy; *node* None is unknown."""

    task: int
    embedder: str
    node: str | None
    score: float
    voters: list[Voter]


def matched(
    taxonomies: TaxonomyRoom, project_id: int, predicted: Sequence[LoggedPrediction], region_id: str
) -> Iterator[Matched]:
    """Yield the match of each place of a region, by the embedder in use."""
    source = source_of(taxonomies.references, project_id)
    keys = {
        entry_key(crop_key(logged.image, region.box.clip()), logged.task_id, source.space): logged.task_id
        for logged in predicted
        for region in (*logged.regions, *logged.candidates)
        if source and region.id == region_id
    }
    matches = taxonomies.matches.of_keys(project_id, source.space, keys) if source else {}
    voters = {vote.reference for match in matches.values() for vote in match.votes}
    known = (
        taxonomies.references.vectors.of_keys(project_id, source.space, CollectionKind.REFERENCES, voters)
        if source
        else {}
    )
    for key, match in matches.items():
        rows = [_voter(vote, known.get(vote.reference)) for vote in match.votes]
        yield Matched(keys[key], source.space.name if source else "", match.node, match.score, rows)


def _voter(vote: Vote, row: Row | None) -> Voter:
    if row is None:
        return Voter(vote.score, vote.reference)
    entry = row.wanted.entry
    return Voter(vote.score, vote.reference, entry.label, entry.task, entry.region)
