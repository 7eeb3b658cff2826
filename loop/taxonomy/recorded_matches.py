"""Finds recorded matches: of tasks, of regions, of suggestions; and traces a match to the references that voted."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

from loop.label_studio.match_control import find_control
from loop.label_studio.projects import Project
from loop.references.entries import CollectionKind, crop_key, entry_key
from loop.references.plan import find_source
from loop.references.vector_store import VectorRow
from loop.regions import Region
from loop.serving.predict import Suggestion
from loop.serving.store import LoggedPrediction
from loop.taxonomy.result import TaskMatches
from loop.taxonomy.room import TaxonomyRoom
from loop.vision.embedding import Space

if TYPE_CHECKING:
    from loop.taxonomy.voting import Match

PredictedRegions = tuple[int, str, Sequence[Region]]  # a task, its image, regions on it
MatchesByTask: TypeAlias = "dict[int, dict[str, Match]]"  # by the region's id


@dataclass(frozen=True, slots=True)
class Voter:
    """A reference that voted for a match; *task* and *region* are None if it is no longer a reference."""

    similarity: float
    reference: str
    label: str | None = None
    task: int | None = None
    region: str | None = None


@dataclass(frozen=True, slots=True)
class MatchTrace:
    """
    The match of a region to the taxonomy, with its voters; *node* None is unknown.

    With a *label* it is the vote by which a region got that label by references.
    """

    task: int
    embedder: str
    node: str | None
    score: float
    voters: list[Voter]
    label: str = ""


def find_task_matches(
    taxonomies: TaxonomyRoom, project_id: int, space: Space, task_ids: Iterable[int]
) -> MatchesByTask:
    """Return the matches of the regions that the champion last predicted; every task is in the result."""
    wanted, champion = list(task_ids), taxonomies.registry.versions.champion(project_id)
    newest = taxonomies.predictions.newest(project_id, wanted, version=champion.name if champion else None)
    predicted = [(task_id, prediction.image, prediction.regions) for task_id, prediction in newest.items()]
    return {task_id: {} for task_id in wanted} | find_region_matches(taxonomies, project_id, space, predicted)


def find_region_matches(
    taxonomies: TaxonomyRoom, project_id: int, space: Space, predicted: Iterable[PredictedRegions]
) -> MatchesByTask:
    """Return the recorded matches of regions predicted on images."""
    keys = {
        (task_id, region.id): entry_key(crop_key(image, region.box.clip()), task_id, space)
        for task_id, image, regions in predicted
        for region in regions
    }
    recorded = taxonomies.matches.of_keys(project_id, space, keys.values())
    matches: MatchesByTask = {}
    for (task_id, region_id), key in keys.items():
        if key in recorded:
            matches.setdefault(task_id, {})[region_id] = recorded[key]
    return matches


def find_suggestion_matches(
    taxonomies: TaxonomyRoom, project: Project, suggestions: Sequence[Suggestion]
) -> dict[int, TaskMatches]:
    """Return the recorded matches of suggestions, for example of a version that served before."""
    taxonomy = taxonomies.store.current(project.id)
    source = find_source(taxonomies.references, project.id) if taxonomy else None
    if taxonomy is None or source is None:
        return {}
    predicted = [(suggestion.task_id, suggestion.image, suggestion.shown) for suggestion in suggestions]
    control = find_control(project.label_config)
    by_task = find_region_matches(taxonomies, project.id, source.space, predicted)
    return {task_id: TaskMatches(matches, taxonomy, control) for task_id, matches in by_task.items()}


def trace_matches(
    taxonomies: TaxonomyRoom, project_id: int, predictions: Sequence[LoggedPrediction], region_id: str
) -> Iterator[MatchTrace]:
    """Yield the match of each place of a region, by the embedder in use, and the vote that gave it a label, if any."""
    source = find_source(taxonomies.references, project_id)
    if source is None:
        return
    space = source.space
    keys = {
        entry_key(crop_key(prediction.image, region.box.clip()), prediction.task_id, space): prediction.task_id
        for prediction in predictions
        for region in prediction.boxes
        if region.id == region_id
    }
    matches = taxonomies.matches.of_keys(project_id, space, keys)
    labelled = [
        (prediction.task_id, region.label, region.source)
        for prediction in predictions
        for region in prediction.regions
        if region.id == region_id and region.source
    ]
    votes = [[(vote.reference, vote.score) for vote in match.votes] for match in matches.values()]
    voters = {
        reference for of_match in (*votes, *(given.voters for _, _, given in labelled)) for reference, _ in of_match
    }
    references = taxonomies.references.vectors.of_keys(project_id, space, CollectionKind.REFERENCES, voters)
    for (key, match), of_match in zip(matches.items(), votes, strict=True):
        yield MatchTrace(keys[key], space.name, match.node, match.score, _trace_voters(of_match, references))
    for task, label, given in labelled[-1:]:
        yield MatchTrace(task, space.name, None, given.match, _trace_voters(given.voters, references), label)


def _trace_voters(votes: Iterable[tuple[str, float]], references: Mapping[str, VectorRow]) -> list[Voter]:
    return [_trace_voter(reference, similarity, references.get(reference)) for reference, similarity in votes]


def _trace_voter(reference: str, similarity: float, row: VectorRow | None) -> Voter:
    if row is None:
        return Voter(similarity, reference)
    entry = row.wanted.entry
    return Voter(similarity, reference, entry.label, entry.task, entry.region)
