"""Embedders in memory."""

import hashlib
from pathlib import Path

import numpy as np
from PIL import Image

from loop.http_addresses import path_within
from loop.vision.embedding import Space, normalise
from loop.vision.image_cache import stamp_file
from loop.vision.image_files import prepare_file
from tests.fakes import Killed


class FakeEmbedders:
    """One embedder, whose space a test may change; it counts the crops it was shown."""

    is_off, setting = False, "fake:"

    def __init__(self, fingerprint="1" * 64):
        self.fingerprint = fingerprint
        self.shown = []
        self.dimension = 8

    def space(self, version, weights, image_size=None):
        return Space(f"fake-{self.fingerprint[0]}", self.fingerprint)

    def describe(self):
        return "made up"

    def whole_image_space(self):
        return None

    def load(self, space, weights, image_size=None):
        self.of = space
        return self

    def embed(self, images, boxes):
        self.shown += [
            (self.of.fingerprint, image.shape, box) for image, own in zip(images, boxes, strict=True) for box in own
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


class FolderImages:
    """Finds images on this machine by their path."""

    def find(self, project_id, task_id, address, *, with_hash=True):
        return prepare_file(Path(address), address, 10**6, Path(address).parent)

    def is_unchanged(self, path, stamp):
        return stamp_file(path) == stamp


class FakeAccount:
    """Label Studio's own files, at an address."""

    def __init__(self, url):
        self.url, self.data = url, {}

    def authorization(self):
        return "Token secret"

    def own_path(self, address):
        return path_within(address, self.url)

    def task_data(self, task_id):
        return self.data
