"""
Measure the cost of vectors: crops per second, and Milvus Lite's writes and searches by size and index.

`python -m scripts.bench.references [ROWS…]`: composed scenes for the embedders, random unit vectors for the sizes. It
starts its own Milvus Lite and stops it. Matching is a search for a batch of vectors.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from loop.references import milvus_server
from loop.references.entries import CollectionKind, Entry
from loop.references.milvus_client import Milvus
from loop.references.milvus_format import IndexPolicy
from loop.regions import Pixels
from loop.vision.embedders import Embedders
from loop.vision.embedding import Embedder, Space, Vectors, normalise
from loop.vision.encoder.efficientnet import BOX
from scripts.bench.figures import BenchReport, Measurement, spread
from scripts.demo import scenes

ROUNDS, DIMENSION, K = 5, 448, 10
SIZES = (10_000, 20_000, 100_000)


def main() -> None:
    """Measure and print."""
    sizes = tuple(int(one) for one in sys.argv[1:]) or SIZES
    crops = embedders()
    with milvus() as address:
        load = f"a Milvus Lite of its own, unit vectors of {DIMENSION} numbers around 60 centres, one client"
        BenchReport("references", load, [crops, collections(address, sizes)]).publish()


def embedders() -> Measurement:
    """Measure crops per second, and how often the five nearest known stamps name a held-out stamp rightly."""
    columns = ("", "dimension", "image, px", "crops a second", "right by 5 nearest, held-out stamps")
    rows = []
    known, unseen = scenes.palettes()
    shown, asked = scenes.compose(known, 100, seed=1, prefix="r"), scenes.compose(unseen, 60, seed=2, prefix="q")
    for setting, size in (("yolo:", 320), ("yolo:", 640), ("efficientnet:", BOX)):
        chosen = Embedders(setting, image_size=size)
        space = chosen.space("warm start", scenes.WARM_START)
        assert space is not None
        embedder = chosen.load(space, scenes.WARM_START)
        rates, right = rate(embedder, shown), accuracy(embedder, shown, asked)
        rows.append([f"`{setting}`", str(embedder.dimension), str(size), spread(rates), f"{right:.2f}"])
    return Measurement(f"Embedder, {ROUNDS} rounds, median (least to most)", columns, rows)


def rate(embedder: Embedder, shown: list[scenes.Scene]) -> list[float]:
    """Return the crops per second over 16 scenes, one value per round."""
    batch = shown[:16]
    images, boxes = [pixels(one) for one in batch], [[box for _, box in one.objects] for one in batch]
    count = sum(map(len, boxes))
    embedder.embed(images, boxes)
    return [count / seconds(lambda: embedder.embed(images, boxes)) for _ in range(ROUNDS)]


def accuracy(embedder: Embedder, shown: list[scenes.Scene], asked: list[scenes.Scene]) -> float:
    """Return the share of objects that their five nearest references name rightly."""
    references, labels = embed_objects(embedder, shown)
    queries, truth = embed_objects(embedder, asked)
    nearest = np.argsort(-(queries @ references.T), axis=1)[:, :5]
    votes = [Counter(labels[index] for index in row).most_common(1)[0][0] for row in nearest]
    return sum(int(vote == label) for vote, label in zip(votes, truth, strict=True)) / len(truth)


def embed_objects(embedder: Embedder, shown: list[scenes.Scene]) -> tuple[Vectors, list[str]]:
    """Return the vectors and labels of all objects."""
    vectors = [embedder.embed([pixels(one)], [[box for _, box in one.objects]])[0] for one in shown if one.objects]
    return np.concatenate(vectors), [label for one in shown for label, _ in one.objects]


def pixels(scene: scenes.Scene) -> Pixels:
    """Return the pixels of a scene as the loop takes them: BGR."""
    return np.ascontiguousarray(np.asarray(scene.image)[:, :, ::-1])


def collections(address: str, sizes: tuple[int, ...]) -> Measurement:
    """Measure writes and searches by index and size."""
    searches = ("search of 1, ms", "of 100, ms", "of 1 just after an upsert, ms", "count, ms", "recall@10")
    rows = []
    for size in sizes:
        for name, above in (("FLAT", 10**9), ("HNSW", 0)):
            references = Milvus(address, seconds=600.0, policy=IndexPolicy(graph_above=above))
            rows.append([name, f"{size:,}", *measure_collection(references, size)])
            references.close()
    return Measurement("Index of Milvus Lite", ("", "vectors", "upserts a second", *searches, "index built, s"), rows)


def measure_collection(references: Milvus, size: int) -> list[str]:
    """Measure one row: a collection of random directions around 60 centres."""
    rng = np.random.default_rng(size)
    centres = rng.standard_normal((60, DIMENSION), np.float32)
    vectors = 0.7 * rng.standard_normal((size, DIMENSION), np.float32)
    vectors += centres[rng.integers(0, 60, size)]
    vectors = normalise(vectors)
    entries = [Entry(f"{n:032d}", n, f"r{n}", f"label {n % 60}") for n in range(size)]
    space = Space("measured", f"{size}".ljust(64, "0"))
    collection = references.create(1, CollectionKind.REFERENCES, space, DIMENSION)
    wrote = size / seconds(lambda: collection.upsert(entries, vectors))
    built = seconds(collection.fit_index)
    queries = normalise(vectors[:100] + 0.01 * rng.normal(size=(100, DIMENSION)))
    exact = np.argsort(-(queries @ vectors.T), axis=1)[:, :K]
    first = collection.search(queries, K)
    hits = [{int(one.entry.key) for one in found} & set(row.tolist()) for found, row in zip(first, exact, strict=True)]
    single = [1000 * seconds(lambda: collection.search(queries[:1], K)) for _ in range(3 * ROUNDS)]
    many = [1000 * seconds(lambda: collection.search(queries, K)) for _ in range(ROUNDS)]
    collection.upsert(entries[:100], vectors[:100])
    after = 1000 * seconds(lambda: collection.search(queries[:1], K))
    count = 1000 * seconds(collection.count)
    references.drop(1, CollectionKind.REFERENCES, space)
    recall = sum(map(len, hits)) / (K * len(queries))
    return [
        f"{wrote:.0f}",
        spread(single),
        spread(many),
        f"{after:.0f}",
        f"{count:.0f}",
        f"{recall:.2f}",
        f"{built:.1f}",
    ]


def seconds(call: Callable[[], object]) -> float:
    """Return the seconds that a call takes."""
    began = time.perf_counter()
    call()
    return time.perf_counter() - began


@contextmanager
def milvus() -> Iterator[str]:
    """Yield the address of a Milvus Lite in its own folder."""
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        command = [sys.executable, *milvus_server.command(folder)]
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, cwd=folder)
        address = milvus_server.address(folder)
        try:
            while not Milvus(address).answers():
                time.sleep(0.2)
            yield address
        finally:
            process.terminate()
            process.wait(30)


if __name__ == "__main__":
    main()
