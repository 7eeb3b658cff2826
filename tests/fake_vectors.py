"""A Milvus and an embedder in memory, for tests of what is done with them; the integration tests have real ones."""

import hashlib
from dataclasses import replace

import numpy as np
from PIL import Image

from loop.errors import MilvusDown
from loop.references.entries import Neighbour
from loop.references.milvus_format import collection_name
from loop.vision.embedding import Space, normalise


class FakeEmbedders:
    """One embedder, whose space a test may change; it counts the crops it was shown."""

    is_off = False

    def __init__(self, fingerprint="1" * 64):
        self.fingerprint = fingerprint
        self.shown = []
        self.dimension = 8

    def space(self, version, weights, image_size=None):
        return Space(f"fake-{self.fingerprint[0]}", self.fingerprint)

    def whole_image_space(self):
        return None

    def load(self, space, weights, image_size=None):
        self.of = space
        return self

    def embed(self, images, boxes):
        self.shown += [
            (self.of.fingerprint, image.shape, box) for image, some in zip(images, boxes, strict=True) for box in some
        ]
        return [normalise(np.stack([self._vector(box) for box in some])) if some else [] for some in boxes]

    def _vector(self, box):
        digest = hashlib.sha256(f"{self.of.fingerprint}{box}".encode()).digest()
        return np.frombuffer(digest[: self.dimension], np.uint8).astype(np.float32) + 1


class FixedEmbedders(FakeEmbedders):
    """An embedder that no version changes; it sees brightness on a coarse grid, and no left from right."""

    def __init__(self, fingerprint="1" * 64):
        super().__init__(fingerprint)
        self.batches = []
        self.broken = None  # what it raises
        self.calls_left = None

    def space(self, version, weights, image_size=None):
        return Space("fixed", self.fingerprint)

    def whole_image_space(self):
        return self.space("", None)

    def embed(self, images, boxes):
        if self.broken:
            raise self.broken
        if self.calls_left is not None:
            if self.calls_left == 0:
                raise Killed
            self.calls_left -= 1
        self.batches.append(len(images))
        return [normalise(self._seen(image)[None]) for image in images]

    def _seen(self, image):
        small = Image.fromarray(image).convert("L").resize((8, 6), Image.Resampling.BOX)
        grid = np.asarray(small, np.float32) - np.mean(small)
        return np.concatenate([(grid + grid[:, ::-1]).ravel(), np.abs(grid - grid[:, ::-1]).ravel()])


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
        for name in self.collections:
            kind = name.split("_")[2]
            if name.endswith(space.fingerprint[:24]):
                self.aliases[project_id, kind] = name
        return []

    def check(self):
        if self.is_down:
            raise MilvusDown("http://milvus.example", "nobody listens there")

    def change(self):
        self.check()
        if self.calls_left is not None:
            if self.calls_left == 0:
                raise Killed
            self.calls_left -= 1


class Killed(BaseException):
    """The process dies here."""


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
        found = []
        for vector in vectors:
            near = [Neighbour(entry, float(other @ vector)) for entry, other in self.rows.values()]
            found.append(sorted(near, key=lambda one: -one.similarity)[:k])
        return found
