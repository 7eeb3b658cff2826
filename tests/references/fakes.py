"""A Milvus in memory; the integration tests have a real one."""

from dataclasses import replace

import numpy as np

from loop.errors import MilvusDown
from loop.references.entries import CollectionKind, Neighbour
from loop.references.milvus_format import alias_name, collection_name
from tests.fakes import Killed


class FakeReferences:
    """Collections in memory; *calls_left* makes it die after so many calls that change something."""

    def __init__(self):
        self.collections = {}
        self.aliases = {}
        self.is_down = False
        self.calls_left = None

    def close(self):
        pass

    def answers(self):
        return not self.is_down

    def find(self, project_id, kind, space):
        self.check()
        return self.collections.get(collection_name(project_id, kind, space))

    def current(self, project_id, kind):
        self.check()
        return self.collections.get(self.aliases.get((project_id, kind)))

    def create(self, project_id, kind, space, dimension):
        self.change()
        name = collection_name(project_id, kind, space)
        return self.collections.setdefault(name, FakeCollection(self, name, space))

    def drop(self, project_id, kind, space):
        self.change()
        del self.collections[collection_name(project_id, kind, space)]

    def follow(self, project_id, space):
        self.change()
        dropped = set()
        for kind in CollectionKind:
            name, before = collection_name(project_id, kind, space), self.aliases.get((project_id, kind))
            if name != before and name in self.collections:
                self.aliases[project_id, kind] = name
                others = [other for other in self.collections if other.startswith(f"{alias_name(project_id, kind)}_")]
                for other in set(others) - {name, before}:
                    dropped.add(self.collections.pop(other).space.fingerprint)
        return sorted(dropped)

    def check(self):
        if self.is_down:
            raise MilvusDown("http://milvus.example", "nobody listens there")

    def change(self):
        self.check()
        if self.calls_left is not None:
            if self.calls_left == 0:
                raise Killed
            self.calls_left -= 1


class FakeCollection:
    """Entries and vectors by key."""

    def __init__(self, owner, name, space):
        self.owner, self.name, self.space = owner, name, space
        self.rows = {}

    def upsert(self, entries, vectors):
        self.owner.change()
        for entry, vector in zip(entries, vectors, strict=True):
            self.rows[entry.key] = entry, vector

    def delete(self, keys):
        self.owner.change()
        for key in keys:
            self.rows.pop(key, None)

    def get(self, keys):
        self.owner.check()
        return {key: self.rows[key] for key in keys if key in self.rows}

    def entries(self):
        self.owner.check()
        return iter([entry for entry, _ in self.rows.values()])

    def place(self, nodes):
        if nodes:
            self.owner.change()
        for key, node in nodes.items():
            self.rows[key] = replace(self.rows[key][0], node=node), self.rows[key][1]

    def keys(self):
        self.owner.check()
        return set(self.rows)

    def count(self):
        return len(self.keys())

    def index(self):
        return "FLAT"

    def fit_index(self):
        return "FLAT"

    def pages(self):
        if self.rows:
            yield [entry for entry, _ in self.rows.values()], np.stack([vector for _, vector in self.rows.values()])

    def search(self, vectors, k):
        nearest = []
        for vector in vectors:
            near = [Neighbour(entry, float(other @ vector)) for entry, other in self.rows.values()]
            nearest.append(sorted(near, key=lambda neighbour: (-neighbour.similarity, neighbour.entry.key))[:k])
        return nearest
