"""Check the reference collection: its contents and likely errors."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from itertools import chain

from loop.errors import MilvusDown
from loop.label_studio.classes import name_today
from loop.label_studio.views import put_tasks
from loop.references.collection import Collection
from loop.references.entries import CollectionKind, Entry, Neighbour
from loop.references.label_errors import (
    Contradiction,
    ErrorPolicy,
    Suspect,
    find_contradictions,
    find_suspects,
    list_tasks,
)
from loop.references.plan import EmbedderSource, find_source
from loop.references.room import ReferencesRoom
from loop.references.vector_store import VectorRow, VectorState
from loop.vision.embedding import Space

VIEW_TITLE = "Labels to check"
SLACK = 20  # extra neighbours to search for: neighbours of the same task do not vote


@dataclass(frozen=True, slots=True)
class KindStats:
    """Counts of one kind of collection: vectors by label of today, verdict and state, and entries in Milvus."""

    kind: CollectionKind
    labels: dict[str, int]
    verdicts: dict[str, int]
    states: dict[str, int]
    entries: int | None  # in Milvus; None without a collection
    index: str | None
    is_current: bool  # whether the alias points to it


@dataclass(frozen=True, slots=True)
class CollectionStats:
    """The collections of the embedder in use; *error* is the reason why Milvus did not answer."""

    space: Space | None
    kinds: list[KindStats] = field(default_factory=list)
    error: str = ""


@dataclass(frozen=True, slots=True)
class LabelFindings:
    """Likely errors of the references."""

    references: int
    suspects: list[Suspect]
    contradictions: list[Contradiction]
    without_task: list[int]  # tasks that Label Studio no longer has
    without_image: list[VectorRow]

    @property
    def tasks(self) -> list[int]:
        """Tasks with labels to check, clearest first, without tasks that Label Studio no longer has."""
        gone = set(self.without_task)
        return [task for task in list_tasks(self.suspects, self.contradictions) if task not in gone]


def count_vectors(references: ReferencesRoom, project_id: int) -> CollectionStats:
    """Count the vectors in the collections. If Milvus is down, count only the records."""
    source = find_source(references, project_id)
    if source is None:
        return CollectionStats(None)
    error = ""
    collections: dict[CollectionKind, tuple[Collection | None, bool]] = {}
    try:
        for kind in CollectionKind:
            collection = references.milvus.find(project_id, kind, source.space)
            current = references.milvus.current(project_id, kind) if collection else None
            collections[kind] = collection, bool(collection and current and current.name == collection.name)
        kinds = [
            _count_kind(references, project_id, source.space, kind, at, is_current=is_current)
            for kind, (at, is_current) in collections.items()
        ]
    except MilvusDown as down:
        error = str(down)
        kinds = [
            _count_kind(references, project_id, source.space, kind, None, is_current=False) for kind in CollectionKind
        ]
    return CollectionStats(source.space, kinds, error)


def check(references: ReferencesRoom, project_id: int, policy: ErrorPolicy | None = None) -> LabelFindings:
    """Find references that their neighbours contradict, and vectors whose source is gone. Raises MilvusDown."""
    policy = policy or ErrorPolicy()
    source = find_source(references, project_id)
    near = _find_neighbours(references, project_id, source, policy)
    existing = references.studio.client.task_ids(project_id)
    recorded = references.vectors.tasks(project_id, source.space) if source else set()
    return LabelFindings(
        references=len(near),
        suspects=find_suspects(near, policy),
        contradictions=find_contradictions(near, policy),
        without_task=sorted(recorded - existing),
        without_image=references.vectors.read(project_id, source.space, VectorState.BROKEN) if source else [],
    )


def find_swapped(references: ReferencesRoom, project_id: int, policy: ErrorPolicy | None = None) -> list[Suspect]:
    """Find the references alone that their neighbours contradict; no request to Label Studio. Raises MilvusDown."""
    policy = policy or ErrorPolicy()
    return find_suspects(_find_neighbours(references, project_id, find_source(references, project_id), policy), policy)


def make_view(references: ReferencesRoom, project_id: int, tasks: list[int]) -> str:
    """Show tasks in a view of Label Studio's Data Manager, the same view every time; return a line about it."""
    return put_tasks(references.studio.client, project_id, VIEW_TITLE, tasks).line


def _count_kind(
    references: ReferencesRoom,
    project_id: int,
    space: Space,
    kind: CollectionKind,
    collection: Collection | None,
    *,
    is_current: bool,
) -> KindStats:
    labels: Counter[str] = Counter()
    verdicts: Counter[str] = Counter()
    states: Counter[str] = Counter()
    counts = references.vectors.counts(project_id, space)
    names = name_today(references.studio.projects.get(project_id).config(), (label for _, label, *_ in counts))
    for at, label, verdict, state, count in counts:
        if at == kind:
            labels[names[label]] += count
            verdicts[verdict or "not reviewed"] += count
            states[state] += count
    entries, index = (collection.count(), collection.index()) if collection else (None, None)
    return KindStats(kind, dict(labels), dict(verdicts), dict(states), entries, index, is_current)


def _find_neighbours(
    references: ReferencesRoom, project_id: int, source: EmbedderSource | None, policy: ErrorPolicy
) -> dict[Entry, list[Neighbour]]:
    """Map every reference to its nearest others, with the labels of today."""
    config = references.studio.projects.get(project_id).config()
    neighbours: dict[Entry, list[Neighbour]] = {}
    collection = references.milvus.find(project_id, CollectionKind.REFERENCES, source.space) if source else None
    for entries, vectors in collection.pages() if collection else ():
        hits_of_entries = collection.search(vectors, policy.neighbours + SLACK + 1) if collection else []
        labels = chain(entries, (hit.entry for hits in hits_of_entries for hit in hits))
        names = name_today(config, (entry.label for entry in labels))
        for entry, hits in zip(entries, hits_of_entries, strict=True):
            others = (hit for hit in hits if hit.entry.key != entry.key)
            neighbours[_rename(entry, names)] = [replace(other, entry=_rename(other.entry, names)) for other in others]
    return neighbours


def _rename(entry: Entry, names: Mapping[str, str]) -> Entry:
    return replace(entry, label=names[entry.label])
