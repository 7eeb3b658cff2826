"""Conversion of entries to Milvus rows and back; no other module knows the field names. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

from loop.references.entries import CollectionKind, Entry
from loop.vision.embedding import Space, Vectors

KEY, VECTOR = "key", "vector"
KEY_LENGTH, TEXT_LENGTH = 32, 16_384  # bytes
FLAT, HNSW = "FLAT", "HNSW"
SCALARS = tuple(field.name for field in fields(Entry))
TEXTS = ("region", "label", "version", "verdict", "node")
EMBEDDER, FINGERPRINT = "loop.embedder", "loop.fingerprint"  # properties of a collection


@dataclass(frozen=True, slots=True)
class IndexPolicy:
    """
    FLAT compares with every vector: exact, and fast up to some tens of thousands of vectors. HNSW, a graph, is used
    above *graph_above* vectors; *links* and *breadth* are its M and efConstruction.
    """

    graph_above: int = 20_000
    links: int = 16
    breadth: int = 200


def collection_name(project_id: int, kind: CollectionKind, space: Space) -> str:
    """Return the name of the collection of a project, kind and embedder."""
    return f"{alias_name(project_id, kind)}_{space.fingerprint[:24]}"


def alias_name(project_id: int, kind: CollectionKind) -> str:
    """Return the alias of the collection of the embedder in use."""
    return f"loop_p{project_id}_{kind.value}"


def index_type(rows: int, now: str | None, policy: IndexPolicy) -> str:
    """Return the kind of index for a number of rows. A graph stays a graph, so that it is not rebuilt repeatedly."""
    return HNSW if now == HNSW or rows > policy.graph_above else FLAT


def index_params(kind: str, policy: IndexPolicy) -> dict[str, int]:
    """Return the build parameters of a kind of index."""
    return {"M": policy.links, "efConstruction": policy.breadth} if kind == HNSW else {}


def search_params(k: int) -> dict[str, Any]:
    """Return the parameters of a search for *k* neighbours; FLAT ignores ef."""
    return {"metric_type": "COSINE", "params": {"ef": max(64, 2 * k)}}


def row(entry: Entry, vector: Vectors, project_id: int) -> dict[str, Any]:
    """Return one row for Milvus. Texts longer than a field are cut between characters."""
    scalars: dict[str, Any] = {name: getattr(entry, name) for name in SCALARS}
    scalars |= {name: _cut(scalars[name]) for name in TEXTS}
    return {**scalars, "project": project_id, VECTOR: vector}


def read_entry(stored: Mapping[str, Any]) -> Entry:
    """Read one row's scalars back."""
    return Entry(**{name: stored[name] for name in SCALARS})


def read_vector(stored: Mapping[str, Any]) -> Vectors:
    """Read one row's vector back, float32 (dimension,)."""
    import numpy as np

    vector: Vectors = np.asarray(stored[VECTOR], np.float32)
    return vector


def _cut(text: str) -> str:
    content = text.encode()
    return text if len(content) <= TEXT_LENGTH else content[:TEXT_LENGTH].decode(errors="ignore")
