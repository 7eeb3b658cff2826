"""
Import a dataset into a real Label Studio: `python -m scripts.bench.imports [IMAGES] [reviews|predictions]`.

The images are noise of 320x240 pixels with two boxes each, in YOLO's format. Prints the seconds of each step, and the
peak of this process's memory above that before the import.
"""

from __future__ import annotations

import sys
import tempfile
import threading
import time
from contextlib import closing
from pathlib import Path

import cv2
import numpy as np
import psutil

from loop.imports.class_names import ClassNaming
from loop.imports.formats import DatasetFormat, look_through
from loop.imports.import_dataset import import_dataset, plan_import
from loop.imports.outcome import ImportPlan
from loop.label_studio.imports.tasks import LabelKind
from loop.rooms import Rooms
from loop.settings import Settings
from loop.vision.images import ImageLimits
from loop.wiring import build
from scripts.demo.label_studio import StudioServer, running

IMAGES, SIZE = 10_000, (240, 320, 3)
LINES = "0 0.3 0.3 0.2 0.2\n1 0.6 0.6 0.3 0.3\n"
CONFIG = (
    '<View><Image name="image" value="$image"/><RectangleLabels name="label" toName="image">'
    '<Label value="Car"/><Label value="Person"/></RectangleLabels></View>'
)


class PeakMemory:
    """The largest resident memory of this process, looked at twenty times a second."""

    def __init__(self) -> None:
        self._process, self._ended = psutil.Process(), threading.Event()
        self.before = self.largest = self._process.memory_info().rss
        threading.Thread(target=self._watch, daemon=True).start()

    def _watch(self) -> None:
        while not self._ended.wait(0.05):
            self.largest = max(self.largest, self._process.memory_info().rss)

    def end(self) -> float:
        """Return the growth in MB."""
        self._ended.set()
        return float(self.largest - self.before) / 1e6


def main(images: int = IMAGES, kind: str = LabelKind.REVIEWS) -> None:
    """Make the dataset, start Label Studio, import twice, and print what it took."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder, "dataset")
        _write(root, images)
        Path(folder, "label-studio").mkdir()
        with running(Path(folder, "label-studio")) as server:
            settings = Settings.read(
                {
                    "LOOP_HOME": str(Path(folder, "home")),
                    "LABEL_STUDIO_URL": server.url,
                    "LABEL_STUDIO_API_KEY": server.token,
                }
            )
            with closing(build(settings, migrate=True)) as rooms:
                _import(rooms, _make_project(server, rooms), root, LabelKind(kind))


def _import(rooms: Rooms, project_id: int, root: Path, kind: LabelKind) -> None:
    began = time.monotonic()
    found = look_through(root, DatasetFormat.YOLO)
    plan = ImportPlan(kind, plan_import(rooms.reviews, project_id, found, ClassNaming({})))
    print(f"{found.images} images, labels read in {time.monotonic() - began:.1f} s")
    for name in ("imported", "imported again"):
        memory, began = PeakMemory(), time.monotonic()
        notes = {image.note.value for image in import_dataset(rooms.reviews, project_id, found, plan, ImageLimits())}
        seconds = time.monotonic() - began
        assert len(rooms.studio.client.task_ids(project_id)) == found.images
        print(f"{name} in {seconds:.1f} s, {found.images / seconds:.0f} a second; +{memory.end():.0f} MB; {notes}")


def _write(root: Path, images: int) -> None:
    rng = np.random.default_rng(1)
    for part in ("images/train", "labels/train"):
        (root / part).mkdir(parents=True)
    (root / "data.yaml").write_text("names: [Car, Person]\n")
    for number in range(images):
        cv2.imwrite(str(root / f"images/train/{number:06}.jpg"), rng.integers(0, 256, SIZE, dtype=np.uint8))
        (root / f"labels/train/{number:06}.txt").write_text(LINES)


def _make_project(server: StudioServer, rooms: Rooms) -> int:
    import httpx

    headers = {"Authorization": f"Token {server.token}"}
    fields = {"title": "Import", "label_config": CONFIG}
    made = httpx.post(f"{server.url}/api/projects", headers=headers, json=fields, timeout=60).raise_for_status()
    project_id = int(made.json()["id"])
    rooms.studio.projects.save(project_id, "Import", CONFIG)
    return project_id


if __name__ == "__main__":
    main(*(int(text) if text.isdigit() else text for text in sys.argv[1:]))  # type: ignore[arg-type]
