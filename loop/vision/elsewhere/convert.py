"""Converts trained weights to a format of another runtime, by ultralytics' own exporter."""

from __future__ import annotations

import shutil
import tempfile
import warnings
from dataclasses import dataclass
from enum import StrEnum
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from loop.errors import WeightsRefused
from loop.failures import describe_error
from loop.storage.files import is_full_disk, name_full_disk
from loop.vision.ultralytics_weights import class_names, open_model, trained_size


class RuntimeFormat(StrEnum):
    """A format that other programs run."""

    ONNX = "onnx"
    OPENVINO = "openvino"
    ENGINE = "engine"


@dataclass(frozen=True, slots=True)
class ConvertedWeights:
    """The file or folder that was made, the names of the classes by id, and the pixels of the longer side."""

    path: Path
    classes: tuple[str, ...]
    image_size: int


def convert(
    weights: Path, kind: RuntimeFormat, out: Path, name: str, image_size: int | None = None
) -> ConvertedWeights:
    """
    Convert weights to a file or folder *name* in *out*, for images of *image_size* pixels, or as they were trained.

    ONNX and OpenVINO files take input of any size. An engine of TensorRT is for the GPU that it is made on. Raises
    WeightsRefused.
    """
    if kind is RuntimeFormat.ENGINE:
        _check_gpu()
    model = open_model(weights)
    size = image_size or trained_size(model)
    is_engine = kind is RuntimeFormat.ENGINE
    options: dict[str, Any] = {"device": "0"} if is_engine else {"device": "cpu", "dynamic": True}
    options |= {"simplify": False} if kind is RuntimeFormat.ONNX else {}  # another package, which changes no output
    quiet = warnings.catch_warnings(action="ignore")  # torch warns that it traces, which is what is wanted
    with tempfile.TemporaryDirectory(prefix="loop-convert-") as scratch, quiet:
        model.model.pt_path = str(Path(scratch, f"{name}.pt"))  # the exporter writes beside it
        try:
            with name_full_disk(Path(scratch)):
                made = Path(model.export(format=kind.value, imgsz=size, verbose=False, **options))
        except Exception as error:  # torch and each runtime may raise anything
            if is_full_disk(error):
                raise
            kind_of = f"a network that cannot be converted to {kind} ({describe_error(error)})"
            raise WeightsRefused(weights, kind_of, "use another --format") from error
        path = Path(shutil.move(made, out / made.name))
    return ConvertedWeights(path, class_names(model), size)


def _check_gpu() -> None:
    """Raise WeightsRefused where this machine makes no engine."""
    import torch

    if not torch.cuda.is_available():
        advice = "run it on the machine that will use the engine, or use --format onnx"
        raise WeightsRefused("--format engine", "a format that needs an NVIDIA GPU, and torch sees none here", advice)
    if find_spec("tensorrt") is None:
        advice = "install it (`pip install tensorrt`), or use --format onnx"
        raise WeightsRefused("--format engine", "a format that needs TensorRT, which is not installed", advice)
