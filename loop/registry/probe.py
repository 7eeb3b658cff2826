"""Weights from elsewhere, loaded once in a process of their own: which classes they name, and that they detect."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from loop.errors import ArchiveRefused, WeightsRefused
from loop.process_table import MARK
from loop.vision.layer_names import OF_ULTRALYTICS
from loop.vision.weights_file import PICKLE

SECONDS = 180.0  # importing torch takes most of it on a busy machine
MEMORY = 8 * 1024**3  # bytes
PASSED_ON = ("PATH", "HOME", "LANG", "TMPDIR", "LD_LIBRARY_PATH", "YOLO_CONFIG_DIR", MARK)  # and so no key of ours


@dataclass(frozen=True, slots=True)
class Probed:
    """What weights name, in the order of their classes, and the pixels of the longer side at which they detect."""

    classes: tuple[str, ...]
    image_size: int


def probe(weights: Path, pickle_sha256: str, image_size: int | None, *, seconds: float = SECONDS) -> Probed:
    """
    Load weights that were checked, and let them detect on an empty image, at *image_size* or as they were trained.

    *pickle_sha256* is that of the pickle that was checked; it must be the one that torch finds. The weights may be
    anything, so it happens in a process that gets none of our settings, little memory and little time.
    Raises ArchiveRefused, WeightsRefused.
    """
    environment = {name: os.environ[name] for name in PASSED_ON if name in os.environ}
    environment |= {"PYTHONPATH": str(Path(__file__).parents[2]), "CUDA_VISIBLE_DEVICES": ""}
    command = [sys.executable, "-m", "loop.registry.probe", str(weights), pickle_sha256, str(image_size or 0)]
    try:
        done = subprocess.run(
            command, env=environment, cwd=weights.parent, capture_output=True, text=True, timeout=seconds, check=False
        )
    except subprocess.TimeoutExpired as error:
        raise ArchiveRefused(f"the weights were not loaded within {seconds:.0f} s") from error
    lines = done.stdout.splitlines() or [""]
    try:
        said = json.loads(lines[-1])
    except ValueError as error:
        raise ArchiveRefused(f"loading the weights ended with {done.returncode}: {done.stderr[-300:]}") from error
    if "kind" in said:
        raise WeightsRefused("the file of weights", said["kind"], said["advice"])
    if "error" in said:
        raise ArchiveRefused(f"the weights cannot be loaded as a detector: {said['error']}")
    return Probed(tuple(said["classes"]), said["image_size"])


def _look(weights: Path, pickle_sha256: str, image_size: int | None) -> dict[str, Any]:
    import torch

    record = torch._C.PyTorchFileReader(str(weights)).get_record(PICKLE)
    if hashlib.sha256(record).hexdigest() != pickle_sha256:
        return {"error": "torch reads another pickle in them than the one that was checked"}
    from loop.vision.detector import Detector
    from loop.vision.weights_loading import open_model

    _build_anew(open_model(weights).model.yaml)
    detector = Detector(weights, device="cpu", image_size=image_size)
    return {"classes": detector.class_names, "image_size": detector.image_size}


def _build_anew(plan: dict[str, Any]) -> None:
    """Build the network as a training does, which reads its plan: layer names and an activation, as text."""
    from ultralytics.nn.tasks import DetectionModel

    named = {str(layer[2]) for part in ("backbone", "head") for layer in plan[part]}
    foreign = [name for name in sorted(named - OF_ULTRALYTICS) if not name.startswith("nn.")]
    if foreign:
        raise ValueError(f"its plan has layers that are not known: {', '.join(foreign)}")
    DetectionModel(deepcopy(plan), verbose=False)


def _main(weights: str, pickle_sha256: str, image_size: str) -> None:
    import resource

    resource.setrlimit(resource.RLIMIT_DATA, (MEMORY, MEMORY))
    try:
        said = _look(Path(weights), pickle_sha256, int(image_size) or None)
    except WeightsRefused as refused:
        said = {"kind": refused.kind, "advice": refused.advice}
    except Exception as error:  # noqa: BLE001 (foreign weights may raise anything; the other side says it)
        said = {"error": f"{type(error).__name__}: {error}"[:500]}
    sys.stdout.write(f"\n{json.dumps(said)}\n")


if __name__ == "__main__":
    _main(*sys.argv[1:])
