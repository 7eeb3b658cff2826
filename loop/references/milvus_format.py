"""Our entries to Milvus' rows, and back; nothing else knows its field names. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

import numpy as np

from loop.vision.embedding import Entry, Kind, Space, Vectors

KEY, VECTOR = "key", "vector"
KEY_LENGTH, TEXT_LENGTH = 32, 16_384  # bytes
FLAT, HNSW = "FLAT", "HNSW"
SCALARS = tuple(field.name for field in fields(Entry))
TEXTS = ("region", "label", "version", "verdict", "node")
EMBEDDER, FINGERPRINT = "loop.embedder", "loop.fingerprint"  # properties of a collection


@dataclass(frozen=True, slots=True)
class IndexPolicy:
    """
    FLAT compares with every vector: exact, and quick until there are some tens of thousands. HNSW, a graph, is built
    from *graph_above* vectors on; *links* and *breadth* are its M and efConstruction.
    """

    graph_above: int = 20_000
    links: int = 16
    breadth: int = 200


def collection_name(project_id: int, kind: Kind, space: Space) -> str:
    """The collection of a project and kind for one embedder: another embedder has another."""
    return f"{alias_name(project_id, kind)}_{space.fingerprint[:24]}"


def alias_name(project_id: int, kind: Kind) -> str:
    """The name under which consumers find the collection of the embedder in use."""
    return f"loop_p{project_id}_{kind.value}"


def index_type(rows: int, now: str | None, policy: IndexPolicy) -> str:
    """The index that fits a number of rows; a graph stays one, so that it is not built again and again."""
    return HNSW if now == HNSW or rows > policy.graph_above else FLAT


def index_params(kind: str, policy: IndexPolicy) -> dict[str, int]:
    """What an index of that kind is built with."""
    return {"M": policy.links, "efConstruction": policy.breadth} if kind == HNSW else {}


def search_params(k: int) -> dict[str, Any]:
    """What a search for *k* neighbours is done with; FLAT takes no notice of the breadth."""
    return {"metric_type": "COSINE", "params": {"ef": max(64, 2 * k)}}


def row(entry: Entry, vector: Vectors, project_id: int) -> dict[str, Any]:
    """One row as Milvus takes it; texts beyond what a field holds are cut, with no half letter at the end."""
    kept: dict[str, Any] = {name: getattr(entry, name) for name in SCALARS}
    kept |= {name: _cut(kept[name]) for name in TEXTS}
    return {**kept, "project": project_id, VECTOR: vector}


def read_entry(found: Mapping[str, Any]) -> Entry:
    """Read one row's scalars back."""
    return Entry(**{name: found[name] for name in SCALARS})


def read_vector(found: Mapping[str, Any]) -> Vectors:
    """Read one row's vector back, float32 (dimension,)."""
    vector: Vectors = np.asarray(found[VECTOR], np.float32)
    return vector


def _cut(text: str) -> str:
    content = text.encode()
    return text if len(content) <= TEXT_LENGTH else content[:TEXT_LENGTH].decode(errors="ignore")
