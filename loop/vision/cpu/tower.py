"""An image encoder on a CPU, by OpenVINO: exported once to a file, read without torch."""

from __future__ import annotations

import json
import threading
import warnings
import zipfile
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from loop.errors import WeightsRefused
from loop.failures import describe_error
from loop.storage.files import scratch_folder
from loop.vision.cpu.openvino_detector import CONVERSIONS, compile_network, prepare_openvino, process_core
from loop.vision.cpu.tuning import Tuning
from loop.vision.encoder.encoder import TowerFacts
from loop.vision.ultralytics_setup import thread_count

if TYPE_CHECKING:
    import torch

SUFFIX = ".tower"
NETWORK, NUMBERS, FACTS = "network.xml", "network.bin", "tower.json"
CHECKED = 4  # inputs of noise
LEAST_COSINE = 0.99999  # between the vectors of an export and of the trained weights


class OpenVinoTower:
    """An exported image encoder in memory. Threads can share it."""

    def __init__(self, file: Path) -> None:
        """Load an exported file. Raises FileNotFoundError if it is missing; one that is damaged raises anything."""
        with zipfile.ZipFile(file) as content:
            facts = json.loads(content.read(FACTS))
            network, numbers = content.read(NETWORK), content.read(NUMBERS)
        self.facts = TowerFacts(**{name: tuple(values) for name, values in facts.items()})
        self._request = _compile(process_core().read_model(network, numbers)).create_infer_request()
        self._lock = threading.Lock()

    def encode(self, pixels: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the vector of an input (1, 3, height, width), not scaled: (1, dimension)."""
        with self._lock:
            self._request.infer({0: pixels})
            output: NDArray[np.float32] = self._request.get_output_tensor(0).data.copy()
        return output


def export_tower(network: torch.nn.Module, facts: TowerFacts, out: Path) -> None:
    """
    Write an image encoder of torch as a file, and remove the other exports beside it, which other weights left.

    Its vectors of noise must be those of *network*. Raises WeightsRefused, and OSError where it cannot be written.
    """
    prepare_openvino()
    try:
        with scratch_folder(out.parent) as scratch, warnings.catch_warnings(action="ignore"):
            _export(network, facts, scratch)
            with zipfile.ZipFile(scratch / out.name, "w") as file:
                file.write(scratch / NETWORK, NETWORK)
                file.write(scratch / NUMBERS, NUMBERS)
                file.writestr(FACTS, json.dumps(asdict(facts)))
            (scratch / out.name).rename(out)
    except (WeightsRefused, OSError):
        raise
    except Exception as error:  # torch and OpenVINO may raise anything for a network that they cannot convert
        raise _refusal(describe_error(error)) from error
    for other in out.parent.glob(f"*{SUFFIX}"):
        if other != out:
            other.unlink(missing_ok=True)


def _export(network: torch.nn.Module, facts: TowerFacts, folder: Path) -> None:
    import openvino
    import torch

    shape = (1, 3, facts.size[1], facts.size[0])
    trace: Any = torch.jit.trace
    with CONVERSIONS:
        was_fast = torch.backends.mha.get_fastpath_enabled()
        torch.backends.mha.set_fastpath_enabled(False)  # its fused attention is unknown to OpenVINO
        try:
            with torch.no_grad():
                traced = trace(network, torch.rand(shape), check_trace=False)
                converted = openvino.convert_model(traced, input=list(shape), example_input=torch.rand(shape))
        finally:
            torch.backends.mha.set_fastpath_enabled(was_fast)
    openvino.save_model(converted, folder / NETWORK, compress_to_fp16=False)
    compiled = _compile(process_core().read_model(folder / NETWORK))
    for _ in range(CHECKED):
        noise = torch.randn(shape)
        with torch.inference_mode():
            wanted = network(noise).float().numpy()[0]
        made = compiled(noise.numpy())[0][0]
        cosine = float(wanted @ made) / max(1e-30, float(np.linalg.norm(wanted) * np.linalg.norm(made)))
        if not cosine >= LEAST_COSINE:
            raise _refusal(f"vectors of another direction: cosine {cosine:.6f}")


def _compile(network: Any) -> Any:
    return compile_network(network, Tuning(at_once=1, threads=thread_count()))


def _refusal(cause: str) -> WeightsRefused:
    return WeightsRefused("the image encoder", f"an export with {cause}", "torch embeds in its place")
