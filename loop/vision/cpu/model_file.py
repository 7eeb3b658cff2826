"""The file of an exported detector: a zip of the network for OpenVINO and the facts that weights carry. Pure."""

from __future__ import annotations

import json
import zipfile
from dataclasses import asdict, dataclass
from pathlib import Path

SUFFIX = ".openvino"
NETWORK, NUMBERS, FACTS = "network.xml", "network.bin", "detector.json"
EXACT = "exact-"  # begins the names of the parts that turn output into boxes: they always compute in float32


@dataclass(frozen=True, slots=True)
class DetectorFacts:
    """
    The facts about an exported detector.

    *class_names* are in the order of the class ids, *image_size* is the size of the training in pixels, *stride* is
    that of the coarsest map. *is_end_to_end*: the head gives each object one box.
    """

    class_names: tuple[str, ...]
    image_size: int
    stride: int
    is_end_to_end: bool


def write(folder: Path, facts: DetectorFacts, out: Path) -> None:
    """Pack the network in *folder* and its facts, without times: the same network gives the same bytes."""
    with zipfile.ZipFile(out, "w") as file:
        for name in (NETWORK, NUMBERS):
            file.writestr(zipfile.ZipInfo(name), (folder / name).read_bytes())
        file.writestr(zipfile.ZipInfo(FACTS), json.dumps(asdict(facts), indent=2))


def read(path: Path) -> tuple[bytes, bytes, DetectorFacts]:
    """Return the network as OpenVINO reads it, its numbers, and its facts."""
    with zipfile.ZipFile(path) as file:
        content = json.loads(file.read(FACTS))
        facts = DetectorFacts(**content | {"class_names": tuple(content["class_names"])})
        return file.read(NETWORK), file.read(NUMBERS), facts
