"""Loads weights from elsewhere in a process of their own: checks that they detect, and reads their classes."""

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
from loop.registry.layer_names import OF_ULTRALYTICS
from loop.vision.weights_kind import PICKLE

SECONDS = 180.0  # importing torch takes most of it on a busy machine
MEMORY = 8 * 1024**3  # bytes
PASSED_ON = ("PATH", "HOME", "LANG", "TMPDIR", "LD_LIBRARY_PATH", "YOLO_CONFIG_DIR", MARK)  # none of our keys


@dataclass(frozen=True, slots=True)
class ProbedWeights:
    """The class names of weights in their order, and the pixels of the longer side at which they detect."""

    classes: tuple[str, ...]
    image_size: int


def probe(weights: Path, pickle_sha256: str, image_size: int | None, *, seconds: float = SECONDS) -> ProbedWeights:
    """
    Load checked weights and detect on an empty image, at *image_size* or at the size of their training.

    *pickle_sha256* is the SHA-256 of the pickle that was checked; torch must find the same pickle. The weights may be
    anything: they are loaded in a process that gets none of our settings, little memory and little time.
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
        answer = json.loads(lines[-1])
    except ValueError as error:
        raise ArchiveRefused(f"loading the weights ended with {done.returncode}: {done.stderr[-300:]}") from error
    if "kind" in answer:
        raise WeightsRefused("the file of weights", answer["kind"], answer["advice"])
    if "error" in answer:
        raise ArchiveRefused(f"the weights cannot be loaded as a detector: {answer['error']}")
    return ProbedWeights(tuple(answer["classes"]), answer["image_size"])


def _load(weights: Path, pickle_sha256: str, image_size: int | None) -> dict[str, Any]:
    import torch

    record = torch._C.PyTorchFileReader(str(weights)).get_record(PICKLE)
    if hashlib.sha256(record).hexdigest() != pickle_sha256:
        return {"error": "torch reads another pickle in them than the one that was checked"}
    from loop.vision.ultralytics_detector import UltralyticsDetector
    from loop.vision.ultralytics_weights import open_model

    network = open_model(weights).model
    _rebuild(type(network), network.yaml)
    detector = UltralyticsDetector(weights, device="cpu", image_size=image_size)
    return {"classes": detector.class_names, "image_size": detector.image_size}


def _rebuild(kind: type[Any], plan: dict[str, Any]) -> None:
    """Build the network as a training does, from its plan: layer names and an activation, as text."""
    layers = {str(layer[2]) for part in ("backbone", "head") for layer in plan[part]}
    foreign = [name for name in sorted(layers - OF_ULTRALYTICS) if not name.startswith("nn.")]
    if foreign:
        raise ValueError(f"its plan has layers that are not known: {', '.join(foreign)}")
    kind(deepcopy(plan), nc=plan.get("nc"), verbose=False)  # a YOLO-World takes 80 classes for granted


def _main(weights: str, pickle_sha256: str, image_size: str) -> None:
    import resource

    resource.setrlimit(resource.RLIMIT_DATA, (MEMORY, MEMORY))
    try:
        answer = _load(Path(weights), pickle_sha256, int(image_size) or None)
    except WeightsRefused as refused:
        answer = {"kind": refused.kind, "advice": refused.advice}
    except Exception as error:  # noqa: BLE001 (foreign weights may raise anything; the parent process reports it)
        answer = {"error": f"{type(error).__name__}: {error}"[:500]}
    sys.stdout.write(f"\n{json.dumps(answer)}\n")


if __name__ == "__main__":
    _main(*sys.argv[1:])
