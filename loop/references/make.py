"""Make the vectors that are due, and find what Milvus lost."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np

from loop.errors import ImageError
from loop.isolation import Fault, attempt_all
from loop.label_studio.payloads import Task
from loop.parts import Parts
from loop.references.collection import Collection
from loop.references.plan import Source
from loop.references.vector_store import Row, State
from loop.regions import Pixels
from loop.vision.embedding import Embedder, Entry, Kind, Vectors

TASKS = 16  # whose images are in memory at a time
DELETED = 5000  # vectors at a time


@dataclass(slots=True)
class Work:
    """One run over a project: the embedder is loaded at its first use, the collections are made with it."""

    parts: Parts
    project_id: int
    source: Source
    embedder: Embedder | None = None
    made: int = 0
    broken: int = 0

    def loaded(self) -> Embedder:
        """The embedder in memory."""
        if self.embedder is None:
            self.embedder = self.parts.embedders.load(self.source.space, self.source.weights, self.source.image_size)
        return self.embedder

    def collection(self, kind: Kind) -> Collection:
        """The collection of a kind, made where there is none."""
        references, space = self.parts.references, self.source.space
        found = references.find(self.project_id, kind, space)
        return found or references.create(self.project_id, kind, space, self.loaded().dimension)


def delete_gone(work: Work) -> None:
    """Delete what is no longer wanted."""
    log, space = work.parts.vectors, work.source.space
    while every := log.rows(work.project_id, space, State.GONE, most=DELETED):
        for kind in Kind:
            gone = [row for row in every if row.wanted.kind == kind]
            found = work.parts.references.find(work.project_id, kind, space) if gone else None
            if found:
                found.delete([row.wanted.entry.key for row in gone])
            log.remove(work.project_id, space, gone)


def make_some(work: Work) -> bool:
    """Make what is due of the next tasks; return whether there was anything."""
    rows = work.parts.vectors.due(work.project_id, work.source.space, TASKS)
    if rows:
        _embed(work, rows)
    return bool(rows)


def settle(work: Work) -> str:
    """With nothing due: find what Milvus lost, have the index that fits, let the aliases follow."""
    parts, space = work.parts, work.source.space
    lost = 0
    for kind in Kind:
        collection = parts.references.find(work.project_id, kind, space)
        done = len(parts.vectors.keys(work.project_id, space, kind, State.DONE))
        if (collection.count() if collection else 0) != done:
            lost += compare(work, kind)
        if collection:
            collection.fit_index()
    if lost:
        return f"{lost} that Milvus lost are due again"
    for fingerprint in parts.references.follow(work.project_id, space):
        parts.vectors.forget(work.project_id, fingerprint)
        parts.matches.forget(work.project_id, fingerprint)
    return "all there"


def compare(work: Work, kind: Kind) -> int:
    """Have made again what Milvus lost, and delete what it should not have; return how many were lost."""
    log, space = work.parts.vectors, work.source.space
    collection = work.parts.references.find(work.project_id, kind, space)
    there = collection.keys() if collection else set()
    lost = log.keys(work.project_id, space, kind, State.DONE) - there
    log.lost(work.project_id, space, kind, lost)
    if collection:
        collection.delete(sorted(there - log.keys(work.project_id, space, kind)))
    return len(lost)


def _embed(work: Work, rows: Sequence[Row]) -> None:
    """Make the vectors of rows, but for those that Milvus has already, and have them acknowledged."""
    kept, known = _known(work, rows)
    new = {row.wanted.crop: row for row in rows if row.wanted.crop not in known}  # two tasks may show one image
    made = _new(work, list(new.values()))
    known |= made
    for kind in Kind:
        some = [row for row in rows if row.wanted.kind == kind and row.wanted.crop in known]
        if some:
            entries = [_with_node(row.wanted.entry, kept.get((kind, row.wanted.entry.key))) for row in some]
            work.collection(kind).upsert(entries, np.stack([known[row.wanted.crop] for row in some]))
            work.parts.vectors.set(work.project_id, work.source.space, some, State.DONE)
    work.made += len(made)


def _known(work: Work, rows: Sequence[Row]) -> tuple[dict[tuple[Kind, str], Entry], dict[str, Vectors]]:
    """What Milvus has under the keys of rows, and the vector of each crop that it has under any key."""
    parts, space = work.parts, work.source.space
    elsewhere = parts.vectors.with_crops(work.project_id, space, {row.wanted.crop for row in rows})
    crops = {(kind, key): crop for crop, (kind, key) in elsewhere.items()}
    crops |= {(row.wanted.kind, row.wanted.entry.key): row.wanted.crop for row in rows}
    entries: dict[tuple[Kind, str], Entry] = {}
    vectors: dict[str, Vectors] = {}
    for kind in Kind:
        collection = parts.references.find(work.project_id, kind, space)
        keys = [key for at, key in crops if at == kind]
        for key, (entry, vector) in (collection.get(keys) if collection and keys else {}).items():
            entries[kind, key] = entry
            vectors[crops[kind, key]] = vector
    return entries, vectors


def _new(work: Work, rows: Sequence[Row]) -> dict[str, Vectors]:
    """Embed crops that nobody has a vector of; the rows of an image that cannot be had or embedded are set aside."""
    by_image: dict[tuple[int, str], list[Row]] = {}
    for row in rows:
        by_image.setdefault((row.wanted.entry.task, row.wanted.image), []).append(row)
    loaded = list(work.parts.images.load([Task(*at) for at in by_image]))
    readable: list[tuple[Pixels, list[Row]]] = []
    for image, some in zip(loaded, by_image.values(), strict=True):
        if isinstance(image, ImageError):
            _set_aside(work, some, str(image))
        else:
            readable.append((image, list({row.wanted.crop: row for row in some}.values())))
    found: dict[str, Vectors] = {}
    embedded = attempt_all(partial(_embedded, work), readable)
    for (_, some), vectors in zip(readable, embedded, strict=True):
        if isinstance(vectors, Fault):
            vectors.log(f"project {work.project_id} task {some[0].wanted.entry.task}")
            _set_aside(work, some, vectors.error)
        else:
            found |= {row.wanted.crop: vector for row, vector in zip(some, vectors, strict=True)}
    return found


def _embedded(work: Work, images: Sequence[tuple[Pixels, list[Row]]]) -> list[Vectors]:
    boxes = [[row.wanted.box for row in some] for _, some in images]
    return work.loaded().embed([image for image, _ in images], boxes) if images else []


def _set_aside(work: Work, rows: list[Row], error: str) -> None:
    work.parts.vectors.broken(work.project_id, work.source.space, rows, error)
    work.broken += len(rows)


def _with_node(entry: Entry, kept: Entry | None) -> Entry:
    """The entry with the taxonomy node that it has: the log does not know it."""
    return replace(entry, node=kept.node) if kept else entry
