"""
Measure what the vectors cost: crops a second, and Milvus Lite's writes and searches by size and index.

`python -m scripts.bench.references [ROWS…]` prints the tables of `docs/benchmarks.md`; composed scenes, random unit
vectors for the sizes. It starts a Milvus Lite of its own and stops it.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table

from loop.references import milvus_server
from loop.references.entries import CollectionKind, Entry
from loop.references.milvus_client import Milvus
from loop.references.milvus_format import IndexPolicy
from loop.regions import Pixels
from loop.vision.embedders import Embedders
from loop.vision.embedding import Embedder, Space, Vectors, normalise
from scripts.demo import features, scenes

ROUNDS, DIMENSION, K = 5, 448, 10
SIZES = (2_000, 10_000, 20_000)
out = Console()


def main() -> None:
    """Print both tables."""
    sizes = tuple(int(one) for one in sys.argv[1:]) or SIZES
    out.print(embedders())
    with milvus() as address:
        out.print(collections(address, sizes))


def embedders() -> Table:
    """Crops a second, and how often five neighbours among known stamps name a stamp that was held out."""
    table = Table(
        "embedder", "dimension", "image px", "crops/s, median (least to most)", "5-NN, held-out stamps", box=None
    )
    known, unseen = scenes.palettes()
    shown, asked = scenes.compose(known, 100, seed=1, prefix="r"), scenes.compose(unseen, 60, seed=2, prefix="q")
    for setting, size in (("yolo:", 320), ("yolo:", 640), (f"open_clip:{features.efficientnet()}", features.SIDE)):
        chosen = Embedders(setting, image_size=size)
        space = chosen.space("warm start", scenes.WARM_START)
        assert space is not None
        embedder = chosen.load(space, scenes.WARM_START)
        rates, right = rate(embedder, shown), accuracy(embedder, shown, asked)
        name = setting if setting == "yolo:" else "open_clip: EfficientNet-Lite0"
        table.add_row(name, str(embedder.dimension), str(size), spread(rates, 0), f"{right:.2f}")
    return table


def rate(embedder: Embedder, shown: list[scenes.Scene]) -> list[float]:
    """Crops a second over 16 scenes, in rounds."""
    batch = shown[:16]
    images, boxes = [pixels(one) for one in batch], [[box for _, box in one.objects] for one in batch]
    count = sum(map(len, boxes))
    embedder.embed(images, boxes)
    return [count / seconds(lambda: embedder.embed(images, boxes)) for _ in range(ROUNDS)]


def accuracy(embedder: Embedder, shown: list[scenes.Scene], asked: list[scenes.Scene]) -> float:
    """The share of objects that the vote of their five nearest names rightly."""
    references, labels = embedded(embedder, shown)
    queries, truth = embedded(embedder, asked)
    nearest = np.argsort(-(queries @ references.T), axis=1)[:, :5]
    votes = [Counter(labels[index] for index in row).most_common(1)[0][0] for row in nearest]
    return sum(int(vote == label) for vote, label in zip(votes, truth, strict=True)) / len(truth)


def embedded(embedder: Embedder, shown: list[scenes.Scene]) -> tuple[Vectors, list[str]]:
    """The vectors and labels of all objects."""
    vectors = [embedder.embed([pixels(one)], [[box for _, box in one.objects]])[0] for one in shown if one.objects]
    return np.concatenate(vectors), [label for one in shown for label, _ in one.objects]


def pixels(scene: scenes.Scene) -> Pixels:
    """A scene as the loop has images: BGR."""
    return np.ascontiguousarray(np.asarray(scene.image)[:, :, ::-1])


def collections(address: str, sizes: tuple[int, ...]) -> Table:
    """Writes and searches by index and size."""
    columns = ("upserts/s", "search 1, ms", "search 100, ms", "search after an upsert, ms", "count, ms", "recall@10")
    table = Table("index", "vectors", *columns, "index built, s", box=None)
    for size in sizes:
        for name, above in (("FLAT", 10**9), ("HNSW", 0)):
            references = Milvus(address, seconds=600.0, policy=IndexPolicy(graph_above=above))
            table.add_row(name, str(size), *measured(references, size))
            references.close()
    return table


def measured(references: Milvus, size: int) -> list[str]:
    """One row: a collection of random directions around 60 centres."""
    rng = np.random.default_rng(size)
    centres = rng.normal(size=(60, DIMENSION))
    vectors = normalise(centres[rng.integers(0, 60, size)] + 0.7 * rng.normal(size=(size, DIMENSION)))
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
        spread(single, 0),
        spread(many, 0),
        f"{after:.0f}",
        f"{count:.0f}",
        f"{recall:.2f}",
        f"{built:.1f}",
    ]


def spread(values: list[float], digits: int) -> str:
    """Median, least and most."""
    median, least, most = statistics.median(values), min(values), max(values)
    return f"{median:.{digits}f} ({least:.{digits}f} to {most:.{digits}f})"


def seconds(call: Callable[[], object]) -> float:
    """How long a call takes."""
    began = time.perf_counter()
    call()
    return time.perf_counter() - began


@contextmanager
def milvus() -> Iterator[str]:
    """A Milvus Lite in a folder of its own."""
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        process = subprocess.Popen([sys.executable, *milvus_server.command(folder)], stdout=subprocess.DEVNULL)
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
