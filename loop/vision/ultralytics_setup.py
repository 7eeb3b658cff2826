"""Makes ultralytics run off the network, without code from weights, and with the same results everywhere."""

from __future__ import annotations

import os
import shutil
import sys
from functools import cache
from pathlib import Path
from typing import Any

from loop.errors import DetectorBroken

GPU_DRIVERS = ("/dev/nvidiactl", "/dev/dxg", "/dev/kfd")  # of NVIDIA, of Windows below WSL, and of AMD
SAFE = {"ULTRALYTICS_SAFE_LOAD": "true", "YOLO_AUTOINSTALL": "false", "YOLO_OFFLINE": "true"}


def thread_count() -> int:
    """Return how many threads a computation may use."""
    return int(os.environ.get("OMP_NUM_THREADS") or 0) or os.cpu_count() or 1


def is_on_cpu(device: str) -> bool:
    """
    Whether a device, named as in `LOOP_DEVICE`, is the CPU of this machine; empty: whether no GPU is better.

    Torch is asked, and so imported, only where the machine has a driver for a GPU.
    """
    if device:
        return device.strip().lower() == "cpu"
    if sys.platform != "win32" and not any(Path(driver).exists() for driver in GPU_DRIVERS):
        return True
    import torch

    return not torch.cuda.is_available()


def prepare_ultralytics() -> None:
    """
    Keep ultralytics off the network, and from running code of weights; call this before any use of ultralytics.

    By itself it downloads a font, and a package for every file that is no image. Without its safe mode it runs any code
    in a pickle, and a training evaluates the activation that the weights name as text.

    Torch's threads sleep while they wait for each other, if torch is imported after this. By themselves they go round,
    which takes a processor from the thread that they wait for, where other work runs beside them.
    """
    os.environ.setdefault("OMP_NUM_THREADS", str(os.cpu_count() or 1))
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    os.environ.setdefault("YOLO_VERBOSE", "false")
    os.environ.update(SAFE)
    import matplotlib as mpl
    from PIL import Image
    from ultralytics.utils import USER_CONFIG_DIR, patches

    Image.MAX_IMAGE_PIXELS = None  # else it refuses large images that LOOP_IMAGE_PIXELS allows
    patches._pil_plugins_registered = True  # else its Image.open imports a HEIF plugin for files that Pillow refuses
    font = Path(mpl.get_data_path()) / "fonts" / "ttf" / "DejaVuSans.ttf"
    _take_paths_literally()
    _begin_without_torchvision()
    _load_safely()
    _log_as_all_do()
    for name in ("Arial.ttf", "Arial.Unicode.ttf"):
        if not (Path(USER_CONFIG_DIR) / name).exists():
            shutil.copy(font, Path(USER_CONFIG_DIR) / name)


@cache
def _take_paths_literally() -> None:
    """Have ultralytics open a file by its exact path: it drops a `'` in a path, and ends the path at a `?`."""
    from ultralytics.nn import autobackend, tasks
    from ultralytics.utils import checks, downloads

    find, check = downloads.attempt_download_asset, checks.check_suffix

    def find_literally(file: Any, *more: Any, **options: Any) -> str:
        return str(file) if Path(file).is_file() else str(find(file, *more, **options))

    def check_literally(file: Any = "", *more: Any, **options: Any) -> None:
        is_here = isinstance(file, str | Path) and Path(file).is_file()
        check(Path(file).name if is_here else file, *more, **options)

    downloads.attempt_download_asset = find_literally
    for module in (checks, tasks, autobackend):
        module.check_suffix = check_literally


@cache
def _begin_without_torchvision() -> None:
    """
    Have ultralytics import no torchvision before a first image on a CPU, which takes as long as torch itself.

    It imports it to choose boxes faster; ours are chosen without it.
    """
    from ultralytics.nn.autobackend import AutoBackend

    warm_up = AutoBackend.warmup

    def warm_up_elsewhere(backend: Any, *arguments: Any, **options: Any) -> None:
        if backend.format != "pt" or backend.device.type != "cpu":
            warm_up(backend, *arguments, **options)

    AutoBackend.warmup = warm_up_elsewhere


def _load_safely() -> None:
    """Switch ultralytics' safe mode on, also where it was imported before, with another environment."""
    from ultralytics import utils
    from ultralytics.nn import tasks
    from ultralytics.utils import checks

    if not tasks._SafeLoad.SUPPORTED:  # it would load any code without a word
        raise DetectorBroken(
            "this torch is too old to load weights without running their code: install requirements.lock"
        )
    utils.SAFE_LOAD = tasks.SAFE_LOAD = True
    utils.AUTOINSTALL = checks.AUTOINSTALL = False


def _log_as_all_do() -> None:
    """Have ultralytics' records printed by the handlers of this process: its own writes them as they are."""
    from ultralytics.utils import LOGGER

    for handler in [*LOGGER.handlers]:
        LOGGER.removeHandler(handler)
    LOGGER.propagate = True


def repeat_arithmetic() -> None:
    """
    Have torch compute the same, to the last bit, in every process of this machine; call this before every pass.

    The last bits depend on the number of threads, which every Python thread has for itself, and which ultralytics
    changes whenever it loads weights. On a GPU they depend on the algorithm, which cuDNN may choose by timing. There
    cuDNN also shortens numbers to TF32, with which boxes of a GPU are others than those of a CPU.
    """
    import torch

    if torch.get_num_threads() != thread_count():
        torch.set_num_threads(thread_count())
    torch.backends.cudnn.benchmark = False
    torch.backends.cudnn.allow_tf32 = False
    torch.backends.cudnn.deterministic = True
