"""Make due vectors, and find vectors that Milvus lost."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from loop.errors import ImageError
from loop.failures import Fault, attempt
from loop.label_studio.payloads import Task
from loop.references.collection import Collection
from loop.references.entries import CollectionKind, Entry
from loop.references.plan import EmbedderSource
from loop.references.room import ReferencesRoom
from loop.references.vector_store import VectorRow, VectorState
from loop.regions import Pixels
from loop.vision.embedding import Embedder, Vectors

TASKS = 16  # tasks whose vectors are written to Milvus at the same time
DELETED = 5000  # vectors per batch


@dataclass(slots=True)
class Work:
    """
    One run over a project. The embedder is loaded at its first use.

    *dropped* names, by fingerprint, the embedders whose collections were dropped.
    """

    references: ReferencesRoom
    project_id: int
    source: EmbedderSource
    embedder: Embedder | None = None
    made: int = 0
    broken: int = 0
    dropped: list[str] = field(default_factory=list)

    def load_embedder(self) -> Embedder:
        """Return the embedder, loaded into memory."""
        if self.embedder is None:
            self.embedder = self.references.vision.embedders.load(
                self.source.space, self.source.weights, self.source.image_size
            )
        return self.embedder

    def open_collection(self, kind: CollectionKind) -> Collection:
        """Return the collection of a kind; create it if it does not exist."""
        milvus, space = self.references.milvus, self.source.space
        existing = milvus.find(self.project_id, kind, space)
        return existing or milvus.create(self.project_id, kind, space, self.load_embedder().dimension)


def delete_gone(work: Work) -> None:
    """Delete vectors that are no longer wanted."""
    store, space = work.references.vectors, work.source.space
    while rows := store.read(work.project_id, space, VectorState.GONE, most=DELETED):
        for kind in CollectionKind:
            gone = [row for row in rows if row.wanted.kind == kind]
            collection = work.references.milvus.find(work.project_id, kind, space) if gone else None
            if collection:
                collection.delete([row.wanted.entry.key for row in gone])
            store.remove(work.project_id, space, gone)


def make_next(work: Work) -> bool:
    """Make the due vectors of the next tasks; return whether any were due."""
    rows = work.references.vectors.read_due(work.project_id, work.source.space, TASKS)
    if rows:
        _embed(work, rows)
    return bool(rows)


def settle(work: Work) -> str:
    """After the last due vector: find vectors that Milvus lost, fit the index, move the aliases."""
    references, space = work.references, work.source.space
    lost = 0
    for kind in CollectionKind:
        collection = references.milvus.find(work.project_id, kind, space)
        done = len(references.vectors.keys(work.project_id, space, kind, VectorState.DONE))
        if (collection.count() if collection else 0) != done:
            lost += compare(work, kind)
        if collection:
            collection.fit_index()
    if lost:
        return f"{lost} that Milvus lost are due again"
    for fingerprint in references.milvus.follow(work.project_id, space):
        references.vectors.forget(work.project_id, fingerprint)
        work.dropped.append(fingerprint)
    return "all there"


def compare(work: Work, kind: CollectionKind) -> int:
    """Mark vectors that Milvus lost as due, and delete vectors that it should not have; return how many were lost."""
    store, space = work.references.vectors, work.source.space
    collection = work.references.milvus.find(work.project_id, kind, space)
    stored = collection.keys() if collection else set()
    lost = store.keys(work.project_id, space, kind, VectorState.DONE) - stored
    store.mark_lost(work.project_id, space, kind, lost)
    if collection:
        collection.delete(sorted(stored - store.keys(work.project_id, space, kind)))
    return len(lost)


def _embed(work: Work, rows: Sequence[VectorRow]) -> None:
    """Make the vectors of rows that Milvus does not have yet, and write them to Milvus."""
    stored, known = _find_known(work, rows)
    new = {row.wanted.crop: row for row in rows if row.wanted.crop not in known}  # two tasks may show one image
    made = _embed_new(work, list(new.values()))
    known |= made
    for kind in CollectionKind:
        ready = [row for row in rows if row.wanted.kind == kind and row.wanted.crop in known]
        if ready:
            entries = [_with_node(row.wanted.entry, stored.get((kind, row.wanted.entry.key))) for row in ready]
            work.open_collection(kind).upsert(entries, np.stack([known[row.wanted.crop] for row in ready]))
            work.references.vectors.set(work.project_id, work.source.space, ready, VectorState.DONE)
    work.made += len(made)


def _find_known(
    work: Work, rows: Sequence[VectorRow]
) -> tuple[dict[tuple[CollectionKind, str], Entry], dict[str, Vectors]]:
    """Return the entries that Milvus has under the keys of rows, and the known vector of each crop under any key."""
    references, space = work.references, work.source.space
    elsewhere = references.vectors.with_crops(work.project_id, space, {row.wanted.crop for row in rows})
    crops = {(kind, key): crop for crop, (kind, key) in elsewhere.items()}
    crops |= {(row.wanted.kind, row.wanted.entry.key): row.wanted.crop for row in rows}
    entries: dict[tuple[CollectionKind, str], Entry] = {}
    vectors: dict[str, Vectors] = {}
    for kind in CollectionKind:
        collection = references.milvus.find(work.project_id, kind, space)
        keys = [key for at, key in crops if at == kind]
        for key, (entry, vector) in (collection.get(keys) if collection and keys else {}).items():
            entries[kind, key] = entry
            vectors[crops[kind, key]] = vector
    return entries, vectors


def _embed_new(work: Work, rows: Sequence[VectorRow]) -> dict[str, Vectors]:
    """Embed crops without a vector. Rows of an image that cannot be read or embedded are set aside."""
    by_image: dict[tuple[int, str], list[VectorRow]] = {}
    for row in rows:
        by_image.setdefault((row.wanted.entry.task, row.wanted.image), []).append(row)

    def embed(task: Task, image: Pixels) -> Vectors | Fault:
        boxes = [row.wanted.box for row in by_image[task.id, task.image]]
        return attempt(lambda: work.load_embedder().embed([image], [boxes])[0])

    results = work.references.vision.images.map(embed, [Task(*at) for at in by_image])
    vectors_by_crop: dict[str, Vectors] = {}
    for result, image_rows in zip(results, by_image.values(), strict=True):
        if isinstance(result, ImageError):
            _set_aside(work, image_rows, str(result))
        elif isinstance(result, Fault):
            result.log(f"project {work.project_id} task {image_rows[0].wanted.entry.task}")
            _set_aside(work, image_rows, result.error)
        else:
            vectors_by_crop |= {row.wanted.crop: vector for row, vector in zip(image_rows, result, strict=True)}
    return vectors_by_crop


def _set_aside(work: Work, rows: list[VectorRow], error: str) -> None:
    work.references.vectors.mark_broken(work.project_id, work.source.space, rows, error)
    work.broken += len(rows)


def _with_node(entry: Entry, stored: Entry | None) -> Entry:
    """Return the entry with the taxonomy node of the stored entry; the records do not have nodes."""
    return replace(entry, node=stored.node) if stored else entry
