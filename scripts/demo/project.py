"""A Label Studio project filled with scenes."""

from __future__ import annotations

import io
import sys
from collections.abc import Callable, Sequence
from html import escape
from pathlib import Path

import httpx
from PIL import Image

from loop.datasets.yolo_format import read_lines, write_data_file, write_lines
from loop.label_studio.classes import ClassIndex
from loop.regions import Region
from scripts.demo.scenes import Scene

COLOURS = ("#e6194b", "#3cb44b", "#4363d8", "#f58231", "#911eb4", "#9a6324", "#008080", "#808000")
UPLOADED_AT_ONCE = 25


def label_config(labels: Sequence[str]) -> str:
    """Return a label config with one rectangle label per class."""
    lines = "".join(
        f'    <Label value="{escape(label)}" background="{COLOURS[index % len(COLOURS)]}"/>\n'
        for index, label in enumerate(labels)
    )
    return (
        '<View>\n  <Image name="image" value="$image"/>\n  <RectangleLabels name="label" toName="image">\n'
        f"{lines}  </RectangleLabels>\n</View>\n"
    )


def create(client: httpx.Client, title: str, labels: Sequence[str]) -> int:
    """Create a project and return its id."""
    answer = client.post("/api/projects", json={"title": title, "label_config": label_config(labels)})
    return int(answer.raise_for_status().json()["id"])


def upload(client: httpx.Client, project_id: int, scenes: Sequence[Scene], report: Callable[[int], None]) -> None:
    """Upload scenes as tasks; each file has its own field name, as Label Studio keeps one file per name."""
    for start in range(0, len(scenes), UPLOADED_AT_ONCE):
        batch = scenes[start : start + UPLOADED_AT_ONCE]
        files = {scene.name: (f"{scene.name}.jpg", _jpeg(scene.image), "image/jpeg") for scene in batch}
        client.post(f"/api/projects/{project_id}/import", files=files).raise_for_status()
        report(len(batch))


def read_scenes(folder: Path) -> tuple[list[str], list[Scene]]:
    """Read a YOLO dataset: `data.yaml`, `images/**`, `labels/**`; return its classes and its images as scenes."""
    import yaml

    if not (folder / "data.yaml").exists():
        sys.exit(f"demo: no data.yaml in {folder}: expected a YOLO dataset with images/ and labels/ beside it")
    named = yaml.safe_load((folder / "data.yaml").read_text())["names"]
    names = [str(name) for _, name in sorted(named.items())] if isinstance(named, dict) else [str(n) for n in named]
    scenes: list[Scene] = []
    for path in sorted((folder / "images").rglob("*")):
        labels = folder / "labels" / path.relative_to(folder / "images").with_suffix(".txt")
        if path.is_file() and labels.exists():
            regions = read_lines(labels.read_text(), names, str(labels))
            objects = tuple((region.label, region.box) for region in regions)
            scenes.append(Scene(f"own-{len(scenes):05d}", Image.open(path).convert("RGB"), objects))
    return names, scenes


def write_dataset(folder: Path, labels: Sequence[str], scenes: Sequence[Scene]) -> Path:
    """Write scenes as the held-out side of a YOLO dataset; return its `data.yaml`."""
    classes = ClassIndex.of(labels)
    for kind in ("images", "labels"):
        (folder / kind / "held_out").mkdir(parents=True)
    for scene in scenes:
        regions = [Region("", box, label) for label, box in scene.objects]
        (folder / "images" / "held_out" / f"{scene.name}.jpg").write_bytes(_jpeg(scene.image))
        (folder / "labels" / "held_out" / f"{scene.name}.txt").write_text(write_lines(regions, classes).text)
    (folder / "data.yaml").write_text(write_data_file(classes))
    return folder / "data.yaml"


def _jpeg(image: Image.Image) -> bytes:
    content = io.BytesIO()
    image.save(content, "JPEG", quality=90)
    return content.getvalue()
