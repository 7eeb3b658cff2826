"""Recognises a file that is no YOLO detector, without loading it, and names the file to give instead."""

from __future__ import annotations

import pickletools
import zipfile
import zlib
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from itertools import islice
from pathlib import Path, PurePath

from loop.errors import WeightsRefused
from loop.printable import shorten
from loop.storage.zip_layout import check_layout, open_zip

EXPECTED = "give the .pt of a detection model that ultralytics trained or publishes, such as yolo11n.pt"
GIVE_ORIGINAL = "give the .pt that it was exported from"
SAVE_WHOLE = "save the whole model with ultralytics: `model.save('weights.pt')`"
START = 512  # bytes that tell the format of a file
ZIP = b"PK\x03\x04"  # at the first byte, as torch demands; it takes any other file for a pickle
PICKLE = "data.pkl"
MOST_PICKLE = 16 * 1024 * 1024  # bytes; the pickle of a YOLO11x has less than 1 MiB
MOST_OPERATIONS = 1_000_000  # of a pickle
UNREADABLE = (zipfile.BadZipFile, NotImplementedError, EOFError, ValueError, RuntimeError, zlib.error)  # a damaged zip

EXPORTS = {  # the formats that ultralytics and others export to, by suffix
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
}
WORLD = "WorldModel"
YOLOE = {
    "YOLOEModel": "a YOLOE, whose classes are texts",
    "YOLOESegModel": "a YOLOE for segmentation, whose classes are texts",
}
SET_AS_BASE = "set LOOP_BASE_WEIGHTS to it and run `loop connect`, which makes the labels of the project its classes"
OWN = ("torch", "ultralytics", "collections", "numpy", "builtins", "__builtin__", "pathlib", "_codecs", "copyreg")
OTHERS = {
    "models": "YOLOv5 or YOLOv7 weights of its own repository, which ultralytics' package cannot load",
    "yolov6": "YOLOv6 weights of its own repository, which ultralytics' package cannot load",
    "super_gradients": "weights of super-gradients (YOLO-NAS)",
}


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """The kind of a file that is no YOLO detector, and advice for the person who gave it."""

    kind: str
    advice: str = EXPECTED

    def __str__(self) -> str:
        return f"{self.kind}: {self.advice}"


def check_kind(path: Path, name: str = "") -> None:
    """
    Refuse a file that is certainly no YOLO detector, by its content alone; *name* stands for its path in the message.

    A file that passes may still not load. Raises WeightsRefused with the kind of the file and advice.
    """
    shown_name = name or str(path)
    try:
        diagnosis = Diagnosis("a folder") if path.is_dir() else _diagnose(path, shown_name)
    except UNREADABLE as error:
        diagnosis = Diagnosis(f"a damaged file ({shorten(str(error), 300)})", "copy or download it again")
    except OSError as error:
        diagnosis = Diagnosis(f"a file that cannot be read ({error.strerror})", "see that it is there and may be read")
    if diagnosis:
        raise WeightsRefused(shown_name, diagnosis.kind, diagnosis.advice)


def is_prompted(path: Path) -> bool:
    """
    Whether a file has a network whose classes are texts, a YOLOE or a YOLO-World: it cannot be trained plainly.

    False for a file that cannot be read: other checks say so.
    """
    with suppress(OSError, *UNREADABLE), path.open("rb") as file, open_zip(file) as archive:
        check_layout(file, archive)
        names = [name.partition(" ")[2] for name in _read_imports(read_pickle(archive)) if ".tasks " in name]
        return any(name == WORLD or name in YOLOE for name in names)
    return False


def diagnose_start(start: bytes, name: str) -> Diagnosis | None:
    """Diagnose a file by its first bytes and its name; None for a zip, as `torch.save` writes it."""
    suffix = PurePath(name).suffix.lower()
    begins = start.startswith
    rules = (
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
            Diagnosis(f"a model exported to {EXPORTS.get(suffix)}, which cannot be trained", GIVE_ORIGINAL),
        ),
        (
            begins((b"\x1f\x8b", b"7z\xbc\xaf", b"Rar!", b"BZh", b"\xfd7zXZ")) or start[257:262] == b"ustar",
            Diagnosis("an archive", "unpack it and give the .pt, or give a tar.gz to `loop models add`"),
        ),
        (
            begins(b"\x80"),
            Diagnosis("a pickle of PyTorch before 1.6", "load and save it again with a PyTorch of today"),
        ),
        (not begins(ZIP), Diagnosis("no file that torch.save writes")),
    )
    return next((diagnosis for applies, diagnosis in rules if applies), None)


def diagnose_entries(names: Iterable[str]) -> Diagnosis | None:
    """Diagnose a zip by the names of its entries; None for a zip of `torch.save`."""
    entries = list(names)
    if any(name.endswith("/constants.pkl") or "/code/" in name for name in entries):
        return Diagnosis("a model exported to TorchScript, which cannot be trained", GIVE_ORIGINAL)
    if not any(name.endswith(f"/{PICKLE}") for name in entries):
        return Diagnosis("a zip without weights of torch.save in it", "unpack it and give the .pt")
    return None


def diagnose_imports(imports: Iterable[str]) -> Diagnosis | None:
    """Diagnose a checkpoint by the imports of its pickle, each `module name`; None for a YOLO detector."""
    names = [name.partition(" ")[::2] for name in imports]
    networks = [name for module, name in names if module.startswith("ultralytics.") and module.endswith(".tasks")]
    refused = next((network for network in networks if network in TASKS or network in YOLOE), None)
    if refused:
        return Diagnosis(YOLOE[refused], SET_AS_BASE) if refused in YOLOE else Diagnosis(TASKS[refused])
    if networks or any(".nn.modules" in f".{module}" for module, _ in names if module.startswith("ultralytics")):
        return None
    foreign = next(((module, name) for module, name in names if module.partition(".")[0] not in OWN), None)
    if foreign:
        kind = f"no detector of ultralytics: it imports {shorten('.'.join(foreign))}"
        return Diagnosis(OTHERS.get(foreign[0].partition(".")[0], kind))
    if any(module.startswith("torch.nn.modules") for module, _ in names):
        return Diagnosis("a network of plain PyTorch, not of ultralytics")
    return Diagnosis("tensors without the network, a state dict", SAVE_WHOLE) if names else None


def _diagnose(path: Path, name: str) -> Diagnosis | None:
    with path.open("rb") as file:
        diagnosis = diagnose_start(file.read(START), name)
        if diagnosis:
            return diagnosis
        with open_zip(file) as archive:
            diagnosis = diagnose_entries(archive.namelist())
            if diagnosis:
                return diagnosis
            check_layout(file, archive)
            return diagnose_imports(_read_imports(read_pickle(archive)))


def read_pickle(archive: zipfile.ZipFile) -> bytes:
    """Return the pickle of a zip of `torch.save`. Raises BadZipFile where it has not one of a limited size."""
    pickles = [entry for entry in archive.infolist() if entry.filename.endswith(f"/{PICKLE}")]
    if len(pickles) != 1 or pickles[0].file_size > MOST_PICKLE:
        sizes = ", ".join(f"{entry.file_size} bytes" for entry in pickles[:2])
        raise zipfile.BadZipFile(f"{len(pickles)} pickles ({sizes}): expected one of at most {MOST_PICKLE} bytes")
    if pickles[0].compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise zipfile.BadZipFile("its pickle is packed in a way that torch cannot read")
    return archive.read(pickles[0])


def _read_imports(pickled: bytes) -> list[str]:
    """Return the imports of a pickle, each `module name`, in order, as far as the pickle can be read."""
    names: dict[str, None] = {}
    with suppress(ValueError, IndexError, KeyError, TypeError):  # pickletools raises these
        for operation, argument, _ in islice(pickletools.genops(pickled), MOST_OPERATIONS):
            if operation.name in ("GLOBAL", "INST"):
                names[str(argument)] = None
    return list(names)
