"""One vector collection in Milvus."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, Protocol

import numpy as np

from loop.errors import MilvusDown
from loop.references.milvus_format import (
    KEY,
    SCALARS,
    VECTOR,
    IndexPolicy,
    index_params,
    index_type,
    read_entry,
    read_vector,
    row,
    search_params,
)
from loop.vision.embedding import Entry, Neighbour, Space, Vectors

NOT_LOADED = 101  # Milvus' code for a collection that is `released`, as all are after a restart
AT_ONCE = 500  # rows an upsert, at most 1280 numbers each: a message of 2.5 MB
QUERIES = 100  # vectors a search
LONG = 600.0  # seconds that building an index or loading a collection may take


class Asks(Protocol):
    """Milvus' client, kept by somebody else."""

    address: str

    def ask(self, method: str, *arguments: Any, **options: Any) -> Any:
        """Call a method of it. Raises MilvusDown."""


class Collection:
    """One collection; where Milvus released it, it is loaded and the call done again."""

    def __init__(self, milvus: Asks, name: str, project_id: int, space: Space, policy: IndexPolicy) -> None:
        self._milvus, self.name, self.space = milvus, name, space
        self._project_id, self._policy = project_id, policy

    def upsert(self, entries: Sequence[Entry], vectors: Vectors) -> None:
        """Write entries with their vectors, float32 (entries, dimension); what has the same key is replaced."""
        rows = [row(entry, vector, self._project_id) for entry, vector in zip(entries, vectors, strict=True)]
        for some in _chunks(rows, AT_ONCE):
            self._ask("upsert", some)

    def delete(self, keys: Sequence[str]) -> None:
        """Delete entries; keys that are not there are no matter."""
        for some in _chunks(keys, AT_ONCE):
            self._ask("delete", ids=list(some))

    def get(self, keys: Sequence[str]) -> dict[str, tuple[Entry, Vectors]]:
        """The entries that there are of these keys, with their vectors."""
        found: dict[str, tuple[Entry, Vectors]] = {}
        for some in _chunks(keys, AT_ONCE):
            rows = self._ask("get", ids=list(some), output_fields=[*SCALARS, VECTOR])
            found |= {one[KEY]: (read_entry(one), read_vector(one)) for one in rows}
        return found

    def place(self, nodes: Mapping[str, str]) -> None:
        """Set the taxonomy node of entries by key."""
        for some in _chunks(list(nodes), AT_ONCE):
            found = self.get(some)
            if found:
                moved = [replace(entry, node=nodes[key]) for key, (entry, _) in found.items()]
                self.upsert(moved, np.stack([vector for _, vector in found.values()]))

    def search(self, vectors: Vectors, k: int) -> list[list[Neighbour]]:
        """The *k* nearest entries of each vector, nearest first; fewer where there are fewer."""
        asked = {"limit": k, "filter": "", "search_params": search_params(k)}
        found: list[list[Neighbour]] = []
        for start in range(0, len(vectors), QUERIES):
            some = [vector.tolist() for vector in vectors[start : start + QUERIES]]
            hits = self._ask("search", data=some, anns_field=VECTOR, output_fields=list(SCALARS), **asked)
            found += [[_neighbour(hit) for hit in one] for one in hits]
        return found

    def pages(self, *, size: int = 1000) -> Iterator[tuple[list[Entry], Vectors]]:
        """All entries with their vectors, in pages."""
        for rows in self._pages([*SCALARS, VECTOR], size):
            yield [read_entry(one) for one in rows], np.stack([read_vector(one) for one in rows])

    def entries(self) -> Iterator[Entry]:
        """All entries without their vectors."""
        return (read_entry(one) for rows in self._pages(list(SCALARS), 2000) for one in rows)

    def keys(self) -> set[str]:
        """The keys of all entries."""
        return {str(one[KEY]) for rows in self._pages([KEY], 5000) for one in rows}

    def count(self) -> int:
        """How many entries there are."""
        return int(self._ask("query", filter="", output_fields=["count(*)"])[0]["count(*)"])

    def index(self) -> str | None:
        """The kind of index, None where a change of it was cut off."""
        found = self._milvus.ask("describe_index", self.name, VECTOR)
        return str(found["index_type"]) if found else None

    def fit_index(self) -> str:
        """
        Have the index that fits the number of entries, over all of them; return its kind.

        What was written last lies in no index until it is flushed: searches are slow till then. They fail while the
        kind of index is changed.
        """
        self._milvus.ask("flush", self.name, timeout=LONG)
        now = self.index()
        wanted = index_type(self.count(), now, self._policy)
        if now != wanted:
            self._reindex(wanted, had_one=now is not None)
        return wanted

    def _reindex(self, kind: str, *, had_one: bool) -> None:
        from pymilvus import MilvusClient

        index = MilvusClient.prepare_index_params()
        index.add_index(VECTOR, index_type=kind, metric_type="COSINE", params=index_params(kind, self._policy))
        self._milvus.ask("release_collection", self.name)
        if had_one:
            self._milvus.ask("drop_index", self.name, VECTOR)
        self._milvus.ask("create_index", self.name, index, timeout=LONG)
        self._milvus.ask("load_collection", self.name, timeout=LONG)

    def _pages(self, fields: list[str], size: int) -> Iterator[list[Any]]:
        asked = {"batch_size": size, "filter": "", "output_fields": fields}
        pages = self._ask("query_iterator", **asked)
        try:
            while rows := guarded(self._milvus.address, pages.next):
                yield list(rows)
        finally:
            pages.close()

    def _ask(self, method: str, *arguments: Any, **options: Any) -> Any:
        """Do something with this collection; where Milvus released it, it is loaded first."""
        try:
            return self._milvus.ask(method, self.name, *arguments, **options)
        except MilvusDown as error:
            if error.code != NOT_LOADED:
                raise
        self._milvus.ask("load_collection", self.name, timeout=LONG)
        return self._milvus.ask(method, self.name, *arguments, **options)


def guarded(address: str, call: Callable[[], Any]) -> Any:
    """Call something of Milvus' client; whatever it raises is MilvusDown."""
    from grpc import RpcError
    from pymilvus import MilvusException

    try:
        return call()
    except MilvusException as error:
        raise MilvusDown(address, error.message, int(error.code)) from error
    except RpcError as error:
        raise MilvusDown(address, str(error)) from error


def _neighbour(hit: Mapping[str, Any]) -> Neighbour:
    return Neighbour(read_entry({**hit["entity"], KEY: hit[KEY]}), float(hit["distance"]))


def _chunks(items: Sequence[Any], size: int) -> Iterator[Sequence[Any]]:
    return (items[start : start + size] for start in range(0, len(items), size))
