"""An embedder that tells what a box shows by its row."""

import hashlib

import numpy as np

from tests.vision.fakes import FakeEmbedders

ROWS = {"car": 0.1, "insect": 0.4, "tool": 0.7}  # what a box shows, by how far down it is


class RowEmbedders(FakeEmbedders):
    """Vectors that tell what a box shows by the row that it is in, with a little of each box's own."""

    dimension = 16

    def _vector(self, shown):
        own = np.frombuffer(hashlib.sha256(repr(shown).encode()).digest()[:16], np.uint8) / 2550
        row = min(range(len(ROWS)), key=lambda place: abs(shown.y0 - list(ROWS.values())[place]))
        return own.astype(np.float32) + np.eye(16, dtype=np.float32)[row]
