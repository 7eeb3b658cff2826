"""
Measure whether a process grows with work that adds nothing: `python -m scripts.bench.process_growth`.

The champion changes again and again in a process that predicts; the same vectors are written again and again to Milvus
Lite, as it comes and as `loop up` starts it.
"""

from __future__ import annotations

import base64
import io
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import psutil

from loop.label_studio.tasks import StoredTask
from loop.references import milvus_server
from loop.references.entries import CollectionKind, Entry
from loop.references.milvus_client import Milvus
from loop.registry.export import export_once
from loop.registry.store import VersionFacts
from loop.serving.predictor import Predictor
from loop.settings import Settings
from loop.vision.embedding import Space, normalise
from loop.wiring import build
from scripts.bench import weights
from scripts.demo import scenes

VERSIONS, CHANGES, PIXELS = 4, 40, 320
KEYS, DIMENSION, AT_ONCE, WRITES = 900, 448, 6, 1400
SHOWN = 8  # lines for each


def main() -> None:
    """Print the memory and the open files of each process as the work goes on."""
    with tempfile.TemporaryDirectory() as folder:
        changes_of_champion(Path(folder))
    for name, environment in {"as it comes": {}, "as `loop up` starts it": milvus_server.ENVIRONMENT}.items():
        print(f"Milvus Lite {name}")
        with tempfile.TemporaryDirectory() as folder, _milvus(Path(folder), environment) as process:
            writes_of_the_same(process, milvus_server.address(Path(folder)))


def changes_of_champion(folder: Path) -> None:
    """Promote versions in turn while this process predicts with each; detectors are in no other process."""
    preparation = get_context("spawn").Process(target=_prepare, args=(folder,))  # torch stays out of this process
    preparation.start()
    preparation.join()
    palette, _ = scenes.palettes(classes=weights.CLASSES)
    tasks = [_task(number, scene) for number, scene in enumerate(scenes.compose(palette, 4, seed=1, prefix="g"))]
    with closing(build(_settings(folder))) as rooms:
        names = [version.name for version in rooms.registry.versions.list(1)]
        config, predictor = rooms.studio.projects.get(1).label_config, Predictor(rooms.serving)
        print("changes of the champion")
        for number in range(CHANGES + 1):
            name = names[number % VERSIONS]
            rooms.registry.versions.promote(1, name, "growth")
            while predictor.current(1).version != name:
                time.sleep(0.1)
            predictor.predict(1, config, tasks)
            if number % (CHANGES // SHOWN) == 0:
                _show(number, psutil.Process())


def _settings(folder: Path) -> Settings:
    return Settings.read({"LOOP_HOME": str(folder / "home"), "LOOP_EMBEDDER": "none", "LABEL_STUDIO_API_KEY": "k"})


def _prepare(folder: Path) -> None:
    """Make a project with versions that serve by their exports, each at another size."""
    start = weights.start_weights(folder / "weights")
    labels = "".join(f'<Label value="{label}"/>' for label in weights.LABELS)
    boxes = f'<RectangleLabels name="label" toName="image">{labels}</RectangleLabels>'
    with closing(build(_settings(folder), migrate=True)) as rooms:
        rooms.studio.projects.save(1, "Growth", f'<View><Image name="image" value="$image"/>{boxes}</View>')
        for number in range(VERSIONS):
            facts = VersionFacts(classes=tuple(weights.LABELS), training={"image_size": PIXELS + 32 * number})
            export_once(rooms.registry, rooms.registry.versions.add(1, start, facts))


def writes_of_the_same(process: psutil.Process, address: str) -> None:
    """Write the same entries with new vectors, each time with a flush and a search, as a job of one review does."""
    milvus = Milvus(address)
    collection = milvus.create(1, CollectionKind.DETECTIONS, Space("growth", "0" * 16), DIMENSION)
    draw = np.random.default_rng(1)
    entries = [Entry(f"key-{number}", number, f"region-{number}", "Thing") for number in range(KEYS)]
    collection.upsert(entries, normalise(draw.normal(size=(KEYS, DIMENSION)).astype(np.float32)))
    for number in range(WRITES + 1):
        first = number * AT_ONCE % KEYS
        vectors = normalise(draw.normal(size=(AT_ONCE, DIMENSION)).astype(np.float32))
        collection.upsert(entries[first : first + AT_ONCE], vectors)
        collection.fit_index()
        collection.search(vectors, 10)
        if number % (WRITES // SHOWN) == 0:
            _show(number, process)
    milvus.close()


def _task(number: int, scene: scenes.Scene) -> StoredTask:
    content = io.BytesIO()
    scene.image.save(content, "JPEG")
    address = f"data:image/jpeg;base64,{base64.b64encode(content.getvalue()).decode()}"
    return StoredTask({"id": number + 1, "data": {"image": address}})


@contextmanager
def _milvus(folder: Path, environment: dict[str, str]) -> Iterator[psutil.Process]:
    milvus_server.make_folder(folder, 1.0)
    command = [sys.executable, *milvus_server.command(folder)]
    with (
        (folder / "log").open("wb") as log,
        subprocess.Popen(command, cwd=folder, stdout=log, stderr=log, env={**os.environ, **environment}) as server,
    ):
        try:
            while not Milvus(milvus_server.address(folder)).answers():
                time.sleep(0.1)
            yield psutil.Process(server.pid)
        finally:
            server.terminate()


def _show(number: int, process: psutil.Process) -> None:
    print(f"  after {number:5}: {process.memory_info().rss / 1e6:6.0f} MB, {process.num_fds()} open files")


if __name__ == "__main__":
    main()
