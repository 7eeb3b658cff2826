"""Exports trained weights for a CPU, with torch and OpenVINO; in a process of a job or of the command line."""

from __future__ import annotations

import tempfile
import warnings
from copy import deepcopy
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from loop.errors import WeightsRefused
from loop.failures import describe_error
from loop.vision.cpu import model_file
from loop.vision.cpu.model_file import DetectorFacts
from loop.vision.cpu.openvino_detector import CONVERSIONS, prepare_openvino, process_core

if TYPE_CHECKING:
    from loop.vision.ultralytics_detector import UltralyticsDetector

TRACED = (96, 160)  # pixels: height and width of the example; other sizes are checked
SMALLEST = 32  # pixels; ultralytics pads to no smaller stride
CHECKED = ((64, 64), (160, 96), (256, 320))
MOST_PIXELS, MOST_CONFIDENCE = 0.05, 1e-3  # largest mean difference from the output of the trained weights


def export(detector: UltralyticsDetector, out: Path) -> None:
    """
    Write the network that a detector predicts with as a file for OpenVINO, in float32, for input of any size.

    Its output must be that of the trained weights on noise of several sizes. Raises WeightsRefused.
    """
    prepare_openvino()
    try:
        quiet = warnings.catch_warnings(action="ignore")  # torch warns that it traces, which is what is wanted
        with tempfile.TemporaryDirectory(dir=out.parent) as scratch, quiet:
            facts = _export(detector, Path(scratch))
            model_file.write(Path(scratch), facts, out)
    except WeightsRefused:
        raise
    except Exception as error:  # torch and OpenVINO may raise anything for a network that they cannot convert
        raise _refusal(f"a network that cannot be exported ({describe_error(error)})") from error


def _export(detector: UltralyticsDetector, folder: Path) -> DetectorFacts:
    import openvino
    import torch

    network = deepcopy(detector.network).float().cpu().eval()
    head = network.model[-1]
    is_end_to_end = detector.is_end_to_end
    head.export = head.dynamic = True
    head.postprocess = lambda output: output  # the best boxes are chosen outside, for any number of boxes
    with torch.no_grad():
        example = torch.rand(1, 3, *TRACED)
        trace: Any = torch.jit.trace
        traced = trace(network, example, strict=False, check_trace=False)
        with CONVERSIONS:
            converted = openvino.convert_model(traced, input=[1, 3, -1, -1], example_input=example)
        _name_by_place(converted, f"model.{len(network.model) - 1}")
        openvino.save_model(converted, folder / model_file.NETWORK, compress_to_fp16=False)
        _check(network, folder / model_file.NETWORK, is_end_to_end=is_end_to_end)
    stride = max(int(head.stride.max()), SMALLEST)
    return DetectorFacts(detector.class_names, detector.trained_size, stride, is_end_to_end)


def _name_by_place(converted: Any, head: str) -> None:
    """
    Name a network and its parts by their places: by itself OpenVINO counts all that a process ever made.

    The names of the parts that are the *head* itself, not one of its layers of convolutions, begin with EXACT.
    """
    converted.set_friendly_name("detector")
    for number, part in enumerate(converted.get_ordered_ops()):
        is_exact = part.get_friendly_name().startswith((f"__module.{head}/", f"__module.{head}.dfl"))
        part.set_friendly_name(f"{model_file.EXACT if is_exact else ''}{number}")


def _check(network: Any, file: Path, *, is_end_to_end: bool) -> None:
    """Compare the output for noise of several sizes. Raises WeightsRefused."""
    import torch

    compiled = process_core().compile_model(file, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    for size in CHECKED:
        noise = torch.rand(1, 3, *size)
        wanted, output = network(noise)[0].numpy(), compiled(noise.numpy())[0][0]
        if wanted.shape != output.shape:
            raise _refusal(f"an export whose output for {size} has the shape {output.shape}, expected {wanted.shape}")
        difference = np.abs(wanted - output)
        boxes, scores = np.split(difference.T if is_end_to_end else difference, [4])
        if not (boxes.mean() <= MOST_PIXELS and scores.mean() <= MOST_CONFIDENCE):
            means = f"{boxes.mean():.3g} pixels and {scores.mean():.3g} of confidence"
            raise _refusal(f"an export whose output differs by {means}")


def _refusal(kind: str) -> WeightsRefused:
    return WeightsRefused("the network", kind, "its trained weights serve")
