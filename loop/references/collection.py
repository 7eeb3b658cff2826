"""One vector collection in Milvus."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, Protocol

from loop.errors import MilvusDown
from loop.references.entries import Entry, Neighbour
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
from loop.storage.queries import chunked
from loop.vision.embedding import Space, Vectors

NOT_LOADED = 101  # Milvus' code for a collection that is `released`, as all are after a restart
AT_ONCE = 500  # rows per upsert, at most 1280 numbers each: a message of 2.5 MB
QUERIES = 100  # vectors per search
LONG = 3600.0  # seconds that building an index or loading a collection may take


class MilvusCaller(Protocol):
    """A client of Milvus, owned by the caller."""

    place: str

    def ask(self, method: str, *arguments: Any, **options: Any) -> Any:
        """Call a method of the client. Raises MilvusDown."""


class Collection:
    """One collection. If Milvus released it, it is loaded and the call repeated."""

    def __init__(self, milvus: MilvusCaller, name: str, project_id: int, space: Space, policy: IndexPolicy) -> None:
        self._milvus, self.name, self.space = milvus, name, space
        self._project_id, self._policy = project_id, policy

    def upsert(self, entries: Sequence[Entry], vectors: Vectors) -> None:
        """Write entries with their vectors, float32 (entries, dimension). Entries of the same key are replaced."""
        rows = [row(entry, vector, self._project_id) for entry, vector in zip(entries, vectors, strict=True)]
        for batch in chunked(rows, AT_ONCE):
            self._ask("upsert", batch)

    def delete(self, keys: Sequence[str]) -> None:
        """Delete entries; missing keys are ignored."""
        for batch in chunked(keys, AT_ONCE):
            self._ask("delete", ids=batch)

    def get(self, keys: Sequence[str]) -> dict[str, tuple[Entry, Vectors]]:
        """Return the existing entries of these keys, with their vectors."""
        entries: dict[str, tuple[Entry, Vectors]] = {}
        for batch in chunked(keys, AT_ONCE):
            rows = self._ask("get", ids=batch, output_fields=[*SCALARS, VECTOR])
            entries |= {stored[KEY]: (read_entry(stored), read_vector(stored)) for stored in rows}
        return entries

    def place(self, nodes: Mapping[str, str]) -> None:
        """Set the taxonomy node of entries by key."""
        import numpy as np

        for batch in chunked(nodes, AT_ONCE):
            entries = self.get(batch)
            if entries:
                moved = [replace(entry, node=nodes[key]) for key, (entry, _) in entries.items()]
                self.upsert(moved, np.stack([vector for _, vector in entries.values()]))

    def search(self, vectors: Vectors, k: int) -> list[list[Neighbour]]:
        """Return the *k* nearest entries of each vector, nearest first; fewer in a smaller collection."""
        options = {"limit": k, "filter": "", "search_params": search_params(k)}
        neighbours: list[list[Neighbour]] = []
        for queries in chunked(vectors, QUERIES):
            batch = [vector.tolist() for vector in queries]
            results = self._ask("search", data=batch, anns_field=VECTOR, output_fields=list(SCALARS), **options)
            neighbours += [[_read_neighbour(hit) for hit in hits] for hits in results]
        return neighbours

    def pages(self, *, size: int = 1000) -> Iterator[tuple[list[Entry], Vectors]]:
        """Yield all entries with their vectors, in pages."""
        import numpy as np

        for rows in self._pages([*SCALARS, VECTOR], size):
            yield [read_entry(stored) for stored in rows], np.stack([read_vector(stored) for stored in rows])

    def entries(self) -> Iterator[Entry]:
        """Yield all entries without their vectors."""
        return (read_entry(stored) for rows in self._pages(list(SCALARS), 2000) for stored in rows)

    def keys(self) -> set[str]:
        """Return the keys of all entries."""
        return {str(stored[KEY]) for rows in self._pages([KEY], 5000) for stored in rows}

    def count(self) -> int:
        """Count the entries."""
        return int(self._ask("query", filter="", output_fields=["count(*)"])[0]["count(*)"])

    def index(self) -> str | None:
        """Return the kind of index; None if a change of it was interrupted."""
        description = self._milvus.ask("describe_index", self.name, VECTOR)
        return str(description["index_type"]) if description else None

    def fit_index(self) -> str:
        """
        Build the index that fits the number of entries, over all entries; return its kind.

        The newest entries are in no index until a flush: searches are slow before it. Searches fail while the kind of
        index changes.
        """
        self._milvus.ask("flush", self.name, timeout=LONG)
        current = self.index()
        target = index_type(self.count(), current, self._policy)
        if current != target:
            self._reindex(target, has_index=current is not None)
        return target

    def _reindex(self, kind: str, *, has_index: bool) -> None:
        from pymilvus import MilvusClient

        index = MilvusClient.prepare_index_params()
        index.add_index(VECTOR, index_type=kind, metric_type="COSINE", params=index_params(kind, self._policy))
        self._milvus.ask("release_collection", self.name)
        if has_index:
            self._milvus.ask("drop_index", self.name, VECTOR)
        self._milvus.ask("create_index", self.name, index, timeout=LONG)
        self._milvus.ask("load_collection", self.name, timeout=LONG)

    def _pages(self, fields: list[str], size: int) -> Iterator[list[Any]]:
        options = {"batch_size": size, "filter": "", "output_fields": fields}
        pages = self._ask("query_iterator", **options)
        try:
            while rows := call_milvus(self._milvus.place, pages.next):
                yield list(rows)
        finally:
            pages.close()

    def _ask(self, method: str, *arguments: Any, **options: Any) -> Any:
        """Call a method of the client on this collection. If Milvus released it, load it and call again."""
        try:
            return self._milvus.ask(method, self.name, *arguments, **options)
        except MilvusDown as error:
            if error.code != NOT_LOADED:
                raise
        self._milvus.ask("load_collection", self.name, timeout=LONG)
        return self._milvus.ask(method, self.name, *arguments, **options)


def call_milvus(address: str, call: Callable[[], Any]) -> Any:
    """Call a function of Milvus' client; raise its errors as MilvusDown."""
    from grpc import RpcError
    from pymilvus import MilvusException

    try:
        return call()
    except MilvusException as error:
        code = error.code if isinstance(error.code, int) else 0  # of gRPC where pymilvus tried until its time was over
        raise MilvusDown(address, error.message, int(code)) from error
    except RpcError as error:
        raise MilvusDown(address, str(error)) from error


def _read_neighbour(hit: Mapping[str, Any]) -> Neighbour:
    return Neighbour(read_entry({**hit["entity"], KEY: hit[KEY]}), float(hit["distance"]))
