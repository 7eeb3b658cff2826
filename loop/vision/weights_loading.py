"""Weights brought into memory as ultralytics' model, or refused with what they are."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from loop.errors import PayloadError, WeightsRefused
from loop.failures import told
from loop.vision import weights_file
from loop.vision.ultralytics_setup import prepare_ultralytics
from loop.vision.weights_kind import EXPECTED, TASKS

IMAGE_SIZE = 640  # pixels, where nothing tells at which size weights were trained
SMALLEST, LARGEST = 32, 8192


def open_model(weights: Path) -> Any:
    """
    Load a YOLO detector, on the CPU; nothing has been detected with it yet.

    Raises WeightsRefused for everything else, and for a detector whose numbers are not numbers.
    """
    weights_file.recognise(weights)
    prepare_ultralytics()
    from ultralytics import YOLO
    from ultralytics.nn.tasks import DetectionModel

    try:
        model = YOLO(str(weights), task="detect")
        network, names = model.model, class_names(model)
        broken = _first_broken(network)
    except Exception as error:  # what torch and ultralytics raise for weights that they cannot load may be anything
        raise WeightsRefused(weights, f"no detector that can be loaded ({told(error)})", EXPECTED) from error
    if type(network) is not DetectionModel:
        kind = TASKS.get(type(network).__name__, f"a {type(network).__name__}, which is no YOLO detector")
        raise WeightsRefused(weights, kind, EXPECTED)
    if broken:
        raise WeightsRefused(weights, f"damaged: {broken} holds values that are not numbers", "train or copy it again")
    if len(names) != network.model[-1].nc:
        kind = f"a detector of {network.model[-1].nc} classes with names of {len(names)}"
        raise WeightsRefused(weights, kind, "save it again with a name for each class")
    return model


def class_names(model: Any) -> tuple[str, ...]:
    """
    The names of a model's classes, as its weights have them.

    Its property `names` would replace codes of ImageNet, such as `n01440764`, with other words.
    """
    names = model.model.names
    by_id = names if isinstance(names, dict) else dict(enumerate(names))
    return tuple(str(name) for _, name in sorted(by_id.items()))


def trained_size(model: Any) -> int:
    """At how many pixels of the longer side a model was trained, rounded up to its stride."""
    told_size = (model.ckpt or {}).get("train_args", {}).get("imgsz")
    sizes = told_size if isinstance(told_size, list | tuple) else [told_size]
    whole = [size for size in sizes if isinstance(size, int) and SMALLEST <= size <= LARGEST]
    stride = int(model.model.stride.max())
    return -(-max(whole, default=IMAGE_SIZE) // stride) * stride


def use_device(device: str) -> None:
    """Raise PayloadError where a device, as `LOOP_DEVICE` names it, is not here; empty: the best there is."""
    if not device:
        return
    prepare_ultralytics()
    import torch
    from ultralytics.utils.torch_utils import select_device

    try:
        torch.zeros(1, device=select_device(device, verbose=False))
    except Exception as error:
        gpus = ", ".join(str(number) for number in range(torch.cuda.device_count())) or "none"
        raise PayloadError("LOOP_DEVICE", f"cpu, or a GPU that torch sees here ({gpus})", device) from error


def _first_broken(network: Any) -> str | None:
    """The name of the first tensor that holds something other than finite numbers."""
    tensors = network.state_dict().items()
    return next((name for name, one in tensors if one.is_floating_point() and not bool(one.isfinite().all())), None)
