"""Loads weights as a model of ultralytics, or refuses them by their kind."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from loop.errors import PayloadError, WeightsRefused
from loop.failures import describe_error
from loop.vision.ultralytics_setup import prepare_ultralytics
from loop.vision.weights_kind import EXPECTED, TASKS, check_kind

IMAGE_SIZE = 640  # pixels, for weights that do not say at which size they were trained
SMALLEST, LARGEST = 32, 8192


def open_model(weights: Path) -> Any:
    """
    Load a YOLO detector, on the CPU, without detecting anything.

    Raises WeightsRefused for any other file, and for a detector with values that are not numbers.
    """
    check_kind(weights)
    prepare_ultralytics()
    from ultralytics import YOLO
    from ultralytics.nn.tasks import DetectionModel, WorldModel

    try:
        model = YOLO(str(weights), task="detect")
        network, names = model.model, class_names(model)
        broken = _find_broken(network)
    except Exception as error:  # torch and ultralytics may raise anything for weights that they cannot load
        raise WeightsRefused(weights, f"no detector that can be loaded ({describe_error(error)})", EXPECTED) from error
    if type(network) not in (DetectionModel, WorldModel):
        kind = TASKS.get(type(network).__name__, f"a {type(network).__name__}, which is no YOLO detector")
        raise WeightsRefused(weights, kind, EXPECTED)
    if broken:
        raise WeightsRefused(weights, f"damaged: {broken} holds values that are not numbers", "train or copy it again")
    if len(names) != network.model[-1].nc or len(names) != _count_texts(network, len(names)):
        kind = f"a detector of {network.model[-1].nc} classes with names of {len(names)}"
        raise WeightsRefused(weights, kind, "save it again with a name for each class")
    return model


def class_names(model: Any) -> tuple[str, ...]:
    """
    Return the names of a model's classes, as its weights have them.

    The model's property `names` would replace codes of ImageNet, such as `n01440764`, with other words.
    """
    names = model.model.names
    by_id = names if isinstance(names, dict) else dict(enumerate(names))
    return tuple(str(name) for _, name in sorted(by_id.items()))


def trained_size(model: Any) -> int:
    """Return the pixels of the longer side at which a model was trained, rounded up to its stride."""
    argument = (model.ckpt or {}).get("train_args", {}).get("imgsz")
    sizes = argument if isinstance(argument, list | tuple) else [argument]
    usable = [size for size in sizes if isinstance(size, int) and SMALLEST <= size <= LARGEST]
    stride = int(model.model.stride.max())
    return -(-max(usable, default=IMAGE_SIZE) // stride) * stride


def check_device(devices: str) -> None:
    """
    Raise PayloadError where this machine lacks a device, named as in `LOOP_DEVICE`; empty: the best device here.

    Several GPUs, such as `0,1`, train together.
    """
    names = devices.split(",")
    if not devices:
        return
    prepare_ultralytics()
    import torch
    from ultralytics.utils.torch_utils import select_device

    gpus = ", ".join(str(number) for number in range(torch.cuda.device_count())) or "none"
    expected = f"cpu, a GPU that torch sees here ({gpus}), or several, such as 0,1"
    if len(names) > 1 and not (all(map(str.isdigit, names)) and len({*names}) == len(names)):
        raise PayloadError("LOOP_DEVICE", expected, devices)
    for name in names:
        try:
            torch.zeros(1, device=select_device(name, verbose=False))
        except Exception as error:
            raise PayloadError("LOOP_DEVICE", expected, devices) from error


def first_device(devices: str) -> str:
    """Return the device that serves, of those in `LOOP_DEVICE`: the first."""
    return devices.split(",", maxsplit=1)[0]


def _count_texts(network: Any, count: int) -> int:
    """Return the number of classes whose vectors a YOLO-World has; *count* for other networks."""
    return int(network.txt_feats.shape[1]) if hasattr(network, "txt_feats") else count


def _find_broken(network: Any) -> str | None:
    """Return the name of the first tensor that holds a value other than a finite number."""
    texts = {"txt_feats": network.txt_feats} if hasattr(network, "txt_feats") else {}  # of a YOLO-World
    tensors = network.state_dict() | texts
    numbers = ((name, tensor) for name, tensor in tensors.items() if tensor.is_floating_point())
    return next((name for name, tensor in numbers if not bool(tensor.isfinite().all())), None)
