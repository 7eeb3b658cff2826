"""The vector collections in Milvus."""

from __future__ import annotations

import json
import logging
import os
import socket
import threading
from collections.abc import Iterable
from contextlib import ExitStack
from typing import Any
from urllib.parse import quote, unquote, urlsplit

from loop.errors import MilvusDown
from loop.references import milvus_server
from loop.references.collection import Collection, call_milvus
from loop.references.entries import CollectionKind
from loop.references.milvus_format import (
    EMBEDDER,
    FINGERPRINT,
    FLAT,
    KEY,
    KEY_LENGTH,
    TEXT_LENGTH,
    TEXTS,
    VECTOR,
    IndexPolicy,
    alias_name,
    collection_name,
)
from loop.storage import socket_file
from loop.vision.embedding import Space

# Short pauses find a restarted server at once; gRPC's own pauses last up to two minutes.
PAUSES = {"initial": 100, "min": 100, "max": 500}  # milliseconds
NEVER = 2**31 - 1  # milliseconds, for gRPC
DESCRIBE = {"service": "milvus.proto.milvus.MilvusService", "method": "DescribeCollection"}


class Milvus:
    """
    A Milvus server, in messages at its *place*.

    It is connected at the first call, and again at the first call after it was down.
    """

    def __init__(self, address: str, *, seconds: float = 30.0, policy: IndexPolicy | None = None) -> None:
        self.address, self._seconds, self._policy = address, seconds, policy or IndexPolicy()
        self.place = milvus_server.describe(address)
        self._client: Any = None
        self._lock = threading.Lock()
        self._open_folder = ExitStack()  # of a socket with a long path

    def answers(self) -> bool:
        """Return whether a server listens at the address, within a second."""
        parts = urlsplit(self.address)
        try:
            if parts.scheme == "unix":
                socket_file.connect(unquote(parts.path), 1.0).close()
            else:
                socket.create_connection((parts.hostname or "", parts.port or 19530), timeout=1.0).close()
        except OSError:
            return False
        return True

    def close(self) -> None:
        """Close the connection."""
        with self._lock:
            client, self._client = self._client, None
        if client is not None:
            client.close()
        self._open_folder.close()

    def find(self, project_id: int, kind: CollectionKind, space: Space) -> Collection | None:
        """Return the collection of an embedder, or None. Raises MilvusDown."""
        return self._open(collection_name(project_id, kind, space), project_id)

    def current(self, project_id: int, kind: CollectionKind) -> Collection | None:
        """Return the collection behind the alias: of the last embedder whose vectors were complete."""
        name = self._alias_target(project_id, kind)
        return self._open(name, project_id) if name else None

    def create(self, project_id: int, kind: CollectionKind, space: Space, dimension: int) -> Collection:
        """Return the collection of an embedder; create it if it does not exist. Raises MilvusDown."""
        name = collection_name(project_id, kind, space)
        if not self.ask("has_collection", name):
            self._create(name, space, dimension)
        return Collection(self, name, project_id, space, self._policy)

    def follow(self, project_id: int, space: Space) -> list[str]:
        """
        Point the aliases of a project to the collections of an embedder; return the dropped fingerprints.

        The collections that the aliases pointed to before stay, so that going back to that embedder costs nothing. The
        collections of all earlier embedders are dropped.
        """
        dropped: set[str] = set()
        for kind in CollectionKind:
            name, before = collection_name(project_id, kind, space), self._alias_target(project_id, kind)
            if before != name and self.ask("has_collection", name):
                self.ask("alter_alias" if before else "create_alias", name, alias_name(project_id, kind))
                dropped |= self._drop_others(project_id, kind, {name, before})
        return sorted(dropped)

    def drop(self, project_id: int, kind: CollectionKind, space: Space) -> None:
        """Drop a collection, and the alias if it points to it. Raises MilvusDown."""
        name = collection_name(project_id, kind, space)
        if self._alias_target(project_id, kind) == name:
            self.ask("drop_alias", alias_name(project_id, kind))
        self.ask("drop_collection", name)

    def ask(self, method: str, *arguments: Any, **options: Any) -> Any:
        """Call a method of Milvus' client. Raises MilvusDown on any error."""
        if self._client is None and not self.answers():  # the client itself would try for longer
            raise MilvusDown(self.place, "nobody listens there")
        limits = {"timeout": self._seconds, **options}  # without a timeout it tries again for minutes
        return call_milvus(self.place, lambda: getattr(self._connect(), method)(*arguments, **limits))

    def _connect(self) -> Any:
        from pymilvus import MilvusClient

        with self._lock:
            if self._client is None:
                logging.getLogger("pymilvus").setLevel(logging.CRITICAL)  # it raises everything that it logs
                uri = self._short_address()
                options = channel_options(self.address, self._seconds)
                self._client = MilvusClient(uri=uri, timeout=self._seconds, grpc_options=options)
        return self._client

    def _short_address(self) -> str:
        """Return the address; the folder of a socket with a long path stays open until the client is closed."""
        parts = urlsplit(self.address)
        if parts.scheme != "unix":
            return self.address
        self._open_folder.close()
        path = self._open_folder.enter_context(socket_file.short_path(unquote(parts.path)))
        return f"unix:{quote(os.fsencode(path), safe='/:')}"

    def _open(self, name: str, project_id: int) -> Collection | None:
        if not self.ask("has_collection", name):
            return None
        properties = self.ask("describe_collection", name).get("properties") or {}
        space = Space(str(properties.get(EMBEDDER, "")), str(properties.get(FINGERPRINT, "")))
        return Collection(self, name, project_id, space, self._policy)

    def _alias_target(self, project_id: int, kind: CollectionKind) -> str | None:
        alias = alias_name(project_id, kind)
        names = self._names(project_id, kind)
        return next((name for name in names if alias in self.ask("list_aliases", name)["aliases"]), None)

    def _names(self, project_id: int, kind: CollectionKind) -> list[str]:
        prefix = f"{alias_name(project_id, kind)}_"
        return [str(name) for name in self.ask("list_collections") if name.startswith(prefix)]

    def _drop_others(self, project_id: int, kind: CollectionKind, kept_names: Iterable[str | None]) -> set[str]:
        dropped = set()
        for name in set(self._names(project_id, kind)) - set(kept_names):
            collection = self._open(name, project_id)
            self.ask("drop_collection", name)
            dropped |= {collection.space.fingerprint} if collection else set()
        return dropped

    def _create(self, name: str, space: Space, dimension: int) -> None:
        from pymilvus import DataType, MilvusClient

        schema = MilvusClient.create_schema(auto_id=False, enable_dynamic_field=False, description=space.name)
        schema.add_field(KEY, DataType.VARCHAR, is_primary=True, max_length=KEY_LENGTH)
        schema.add_field(VECTOR, DataType.FLOAT_VECTOR, dim=dimension)
        for text in TEXTS:
            schema.add_field(text, DataType.VARCHAR, max_length=TEXT_LENGTH)
        for number in ("project", "task"):
            schema.add_field(number, DataType.INT64)
        schema.add_field("score", DataType.FLOAT)
        index = MilvusClient.prepare_index_params()
        index.add_index(VECTOR, index_type=FLAT, metric_type="COSINE")
        self.ask(
            "create_collection",
            name,
            schema=schema,
            index_params=index,
            properties={EMBEDDER: space.name, FINGERPRINT: space.fingerprint},
            consistency_level="Strong",
        )


def channel_options(address: str, seconds: float) -> dict[str, int | str]:
    """
    Return the options of a gRPC channel, which are stronger than those of pymilvus.

    pymilvus describes a collection before it lists the entries, without a limit: here it waits for a number of
    *seconds*.
    pymilvus asks again and again whether the server is there. Milvus Lite, as gRPC's servers do by default, closes a
    connection that asks so often in one call, after 200 seconds: too soon for the index of a million vectors. The
    kernel tells when a server behind a socket of this machine has ended.
    """
    limit = {"name": [DESCRIBE], "timeout": f"{seconds:.3f}s"}
    options: dict[str, int | str] = {"grpc.service_config": json.dumps({"methodConfig": [limit]})}
    options |= {f"grpc.{option}_reconnect_backoff_ms": pause for option, pause in PAUSES.items()}
    return options | ({"grpc.keepalive_time_ms": NEVER} if address.startswith("unix:") else {})
