"""What a file of weights is when it is not a YOLO detector, and what would do instead. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import PurePath

EXPECTED = "give the .pt of a detection model that ultralytics trained or publishes, such as yolo11n.pt"
START = 512  # bytes that tell the format of a file

EXPORTS = {  # by suffix: what ultralytics and others export to
    ".onnx": "ONNX",
    ".engine": "TensorRT",
    ".trt": "TensorRT",
    ".torchscript": "TorchScript",
    ".tflite": "TensorFlow Lite",
    ".pb": "TensorFlow",
    ".mlmodel": "Core ML",
    ".mlpackage": "Core ML",
    ".mnn": "MNN",
    ".xml": "OpenVINO",
    ".bin": "OpenVINO",
    ".safetensors": "safetensors",
    ".h5": "Keras",
    ".keras": "Keras",
    ".weights": "Darknet",
}
TASKS = {  # by the class of the network
    "SegmentationModel": "an instance segmentation model",
    "SemanticSegmentationModel": "a semantic segmentation model",
    "PoseModel": "a pose model",
    "OBBModel": "a model of oriented boxes (OBB)",
    "ClassificationModel": "a classification model",
    "DepthModel": "a depth model",
    "RTDETRDetectionModel": "an RT-DETR, whose head is not YOLO's",
    "WorldModel": "a YOLO-World, which is prompted with text and cannot be trained here",
    "YOLOEModel": "a YOLOE, which is prompted with text and cannot be trained here",
    "YOLOESegModel": "a YOLOE for segmentation",
}
OWN = ("torch", "ultralytics", "collections", "numpy", "builtins", "__builtin__", "pathlib", "_codecs", "copyreg")
OTHERS = {
    "models": "YOLOv5 or YOLOv7 weights of its own repository, which ultralytics' package cannot load",
    "yolov6": "YOLOv6 weights of its own repository, which ultralytics' package cannot load",
    "super_gradients": "weights of super-gradients (YOLO-NAS)",
}


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """What a file is, and what to do about it."""

    kind: str
    advice: str = EXPECTED

    def __str__(self) -> str:
        return f"{self.kind}: {self.advice}"


def of_start(start: bytes, name: str) -> Diagnosis | None:
    """What a file is by its first bytes and its name; None where it is a zip, as `torch.save` writes it."""
    suffix = PurePath(name).suffix.lower()
    begins = start.startswith
    known = (
        (not start, Diagnosis("an empty file", "copy or download it again")),
        (
            begins(b"version https://git-lfs"),
            Diagnosis("a Git LFS pointer in place of the weights", "run `git lfs pull` in its repository"),
        ),
        (
            start.lstrip().lower().startswith((b"<!doctype", b"<html", b"<?xml", b"{")),
            Diagnosis("text (a web page, XML or JSON), not weights", "download the file itself"),
        ),
        (
            suffix in EXPORTS,
            Diagnosis(f"a model exported to {EXPORTS.get(suffix)}, which cannot be trained", _EXPORTED),
        ),
        (
            begins((b"\x1f\x8b", b"7z\xbc\xaf", b"Rar!", b"BZh", b"\xfd7zXZ")) or start[257:262] == b"ustar",
            Diagnosis("an archive", "unpack it and give the .pt, or give a tar.gz to `loop models add`"),
        ),
        (
            begins(b"\x80"),
            Diagnosis("a pickle of PyTorch before 1.6", "load and save it again with a PyTorch of today"),
        ),
        (not begins(b"PK"), Diagnosis("no file that torch.save writes")),
    )
    return next((diagnosis for applies, diagnosis in known if applies), None)


def of_entries(names: Iterable[str]) -> Diagnosis | None:
    """What a zip is by the names in it, where it is none of `torch.save`."""
    known = list(names)
    if any(name.endswith("/constants.pkl") or "/code/" in name for name in known):
        return Diagnosis("a model exported to TorchScript, which cannot be trained", _EXPORTED)
    if not any(name.endswith("/data.pkl") for name in known):
        return Diagnosis("a zip without weights of torch.save in it", "unpack it and give the .pt")
    return None


def of_imports(imports: Iterable[str]) -> Diagnosis | None:
    """What a checkpoint is by what its pickle imports, each `module name`, where that is no YOLO detector."""
    names = [name.partition(" ")[::2] for name in imports]
    networks = [name for module, name in names if module.startswith("ultralytics.") and module.endswith(".tasks")]
    kind = next((TASKS[network] for network in networks if network in TASKS), None)
    if kind:
        return Diagnosis(kind)
    if networks or any(".nn.modules" in f".{module}" for module, _ in names if module.startswith("ultralytics")):
        return None
    foreign = next(((module, name) for module, name in names if module.partition(".")[0] not in OWN), None)
    if foreign:
        kind = f"no detector of ultralytics: it imports {'.'.join(foreign)}"
        return Diagnosis(OTHERS.get(foreign[0].partition(".")[0], kind))
    if any(module.startswith("torch.nn.modules") for module, _ in names):
        return Diagnosis("a network of plain PyTorch, not of ultralytics")
    return Diagnosis("tensors without the network, a state dict", _WHOLE) if names else None


_EXPORTED = "give the .pt that it was exported from"
_WHOLE = "save the whole model with ultralytics: `model.save('weights.pt')`"
