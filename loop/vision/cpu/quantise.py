"""Makes an export in 8 bits of one in 32, by nncf in a process of its own."""

from __future__ import annotations

import importlib.util
import json
import os
import random
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from loop.errors import WeightsRefused
from loop.process_table import MARK
from loop.vision.cpu.own_process import run_module

MOST_IMAGES = 128  # for calibration
SECONDS = 900.0
PASSED_ON = ("PATH", "HOME", "LANG", "TMPDIR", "LD_LIBRARY_PATH", "OMP_NUM_THREADS", MARK)  # none of our keys


def can_quantise() -> bool:
    """Whether nncf is installed, the extra `int8`."""
    return importlib.util.find_spec("nncf") is not None


def choose_images(images: Sequence[Path]) -> list[Path]:
    """Choose the images for calibration: at most MOST_IMAGES, and of the same images always the same."""
    if len(images) <= MOST_IMAGES:
        return sorted(images)
    return sorted(random.Random(0).sample(sorted(images), MOST_IMAGES))


def quantise(file: Path, images: Sequence[Path], out: Path, image_size: int | None) -> None:
    """
    Write an export in 8 bits, calibrated on *images* at *image_size* pixels (None: at the size of the training).

    The same export and images give the same bytes with the same number of threads. The export detects the same on every
    processor: its weights have half of the range, as sums of whole ones saturate where the processor lacks VNNI. Raises
    WeightsRefused, also where the process is killed because the machine lacks memory.
    """
    work = {"file": str(file), "images": [str(image) for image in images], "out": str(out), "size": image_size}
    environment = {name: os.environ[name] for name in PASSED_ON if name in os.environ} | {"PYTHONHASHSEED": "0"}
    run_module("loop.vision.cpu.quantise", work, environment=environment, seconds=SECONDS, refuse=_refuse)


def _refuse(problem: str) -> WeightsRefused:
    return WeightsRefused("an export in 8 bits", f"not made: {problem}", "the export in 32 bits serves")


def _quantise(file: Path, images: Sequence[Path], out: Path, image_size: int | None) -> None:
    from loop.vision.cpu import model_file
    from loop.vision.cpu.openvino_detector import prepare_openvino, process_core
    from loop.vision.image_files import read_prepared
    from loop.vision.network.letterbox import Letterbox

    prepare_openvino()
    import nncf
    import openvino

    network, numbers, facts = model_file.read(file)
    converted = process_core().read_model(network, numbers)
    size = -(-(image_size or facts.image_size) // facts.stride) * facts.stride

    def prepare(path: Path) -> object:
        image = read_prepared(path)
        return Letterbox.of(image, size, facts.stride).fill(image)

    names = [part.get_friendly_name() for part in converted.get_ordered_ops()]
    exact = [name for name in names if name.startswith(model_file.EXACT)]
    quantised = nncf.quantize(
        converted,
        nncf.Dataset(images, prepare),
        preset=nncf.QuantizationPreset.MIXED,
        advanced_parameters=nncf.AdvancedQuantizationParameters(overflow_fix=nncf.OverflowFix.ENABLE),
        subset_size=len(images),
        ignored_scope=nncf.IgnoredScope(names=exact, types=["Sigmoid"], validate=False),
    )
    with tempfile.TemporaryDirectory(dir=out.parent) as scratch:
        openvino.save_model(quantised, Path(scratch, model_file.NETWORK), compress_to_fp16=False)
        model_file.write(Path(scratch), facts, out)


def _main() -> None:
    work = json.load(sys.stdin)
    _quantise(Path(work["file"]), [Path(image) for image in work["images"]], Path(work["out"]), work["size"])


if __name__ == "__main__":
    _main()
