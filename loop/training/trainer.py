"""Trains a YOLO detector on a snapshot, on one device or several; continues where a killed run stopped."""

from __future__ import annotations

import gc
import logging
import math
import os
import shutil
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from threading import Event
from typing import Any

from loop.errors import TrainingCancelled, TrainingFailed
from loop.storage.files import copy_whole
from loop.training import checkpoints
from loop.training.callbacks import Watch
from loop.training.processes import train_in_processes
from loop.training.step_images import count_batch_images
from loop.training.work import Failure, TrainingWork
from loop.vision.ultralytics_setup import prepare_ultralytics

log = logging.getLogger(__name__)

LOADERS = 8  # processes that load images, at most, for each GPU
PREFETCHED = 5  # batches that each has ready
SHARED = Path("/dev/shm")  # noqa: S108 (where torch passes them on; a container may have only 64 MB of it)


@dataclass(frozen=True, slots=True)
class TrainingPolicy:
    """
    Settings of a training run; `image_size` in pixels of the longer side.

    A run makes at least *least_steps* optimizer steps, where its images suffice; 0: as many as ultralytics makes.
    """

    epochs: int = 50
    batch: int = 16
    image_size: int = 640
    device: str = ""
    freeze: int = 0
    seed: int = 0
    least_steps: int = 500

    @property
    def device_count(self) -> int:
        """How many devices train together: `0,1` are two."""
        return len(self.device.split(","))

    def fit(self, images: int) -> TrainingPolicy:
        """Return the policy for a dataset of *images*: where they are few, batches are smaller, for more steps."""
        batch = count_batch_images(images, self.epochs, self.batch, self.least_steps)
        whole = math.ceil(batch / self.device_count) * self.device_count  # as many for each device
        return replace(self, batch=min(self.batch, whole))

    def arguments(self) -> dict[str, Any]:
        """The policy as it is stored with the version."""
        return asdict(self)


def train(data: Path, start: Path, run: Path, policy: TrainingPolicy, watch: Watch) -> Path:
    """
    Train from the weights *start* on the dataset whose `data.yaml` is *data*, and return the new weights.

    The held-out split is only measured for the report. The weights are those of the last epoch, so that no epoch is
    chosen by the images that the gate measures on. *run* is the folder of this training; a checkpoint in it is
    continued. If memory runs out, the number of images a batch is halved, down to one. Raises TrainingFailed, and
    any error that *watch* raises.
    """
    finished = run / "finished.pt"
    if finished.exists():
        return finished
    prepare_ultralytics()
    while not checkpoints.is_complete(checkpoints.checkpoint_path(run)):
        failure = _train_once(data, start, run, policy, watch)
        if failure is None:
            break
        policy = replace(policy, batch=_smaller_batch(failure, policy))
        _free_memory()
    from loop.datasets.yolo_format import read_data_file

    checkpoints.finish(run, finished, read_data_file(data.read_text()).names)
    return finished


def _smaller_batch(failure: Failure, policy: TrainingPolicy) -> int:
    """Return half as many images a batch as memory ran out for. Raises TrainingFailed for any other failure."""
    if failure.batch is None:
        raise TrainingFailed(failure.message)
    smaller = failure.batch // 2
    if smaller < policy.device_count:
        images = "one image" if policy.device_count == 1 else "one image on each device"
        raise TrainingFailed(
            f"out of memory with {images} of {policy.image_size} pixels a batch: lower LOOP_IMAGE_SIZE, start from "
            f"a smaller model, or train where there is more memory ({failure.message})"
        )
    log.warning("out of memory with %d images a batch (%s): going on with %d", failure.batch, failure.message, smaller)
    return smaller


def discard(run: Path) -> None:
    """Delete the weights and checkpoints of a training that has ended; the logs of ultralytics stay."""
    shutil.rmtree(run / "weights", ignore_errors=True)
    for path in run.glob("*.pt"):
        path.unlink(missing_ok=True)


def _train_once(data: Path, start: Path, run: Path, policy: TrainingPolicy, watch: Watch) -> Failure | None:
    """Train to the end and return None, or return the failure. Raises TrainingFailed, and what *watch* raises."""
    checkpoint, last = checkpoints.checkpoint_path(run), run / "weights" / "last.pt"
    resume = checkpoints.read(checkpoint) is not None
    if resume:  # the checkpoint that ultralytics writes may be cut off
        copy_whole(checkpoint, last)
    else:
        shutil.rmtree(run, ignore_errors=True)
    settings = {"data": str(data), "resume": resume, **arguments(run, policy)}
    work = TrainingWork(str(last if resume else start), str(checkpoint), policy.batch, policy.least_steps, settings)
    if policy.device_count > 1:
        return train_in_processes(work, policy.device_count, run, watch)
    return _train_in_thread(work, watch)


def _train_in_thread(work: TrainingWork, watch: Watch) -> Failure | None:
    """
    Train in a new thread, so that a failed allocation leaves no state behind.

    After oneDNN failed once to allocate memory for the code of a kernel, it fails for ever in that thread ("could not
    create a primitive"), because Xbyak keeps the error. Ctrl-C ends the training at its next check.
    """
    interrupted = Event()

    def check() -> None:
        if interrupted.is_set():
            raise TrainingCancelled("interrupted")
        watch.check()

    with ThreadPoolExecutor(1) as pool:
        training = pool.submit(work.run, replace(watch, check=check))
        try:
            return training.result()
        except BaseException:
            interrupted.set()
            raise


def arguments(run: Path, policy: TrainingPolicy) -> dict[str, Any]:
    """Return ultralytics' arguments of a training, but for the dataset and the start."""
    return {
        "epochs": policy.epochs,
        "batch": policy.batch,
        "imgsz": policy.image_size,
        "device": policy.device or None,
        "freeze": policy.freeze or None,
        "seed": policy.seed,
        "save_dir": str(run),
        "patience": 0,
        "plots": False,
        "verbose": False,
        "workers": _loader_count(policy),
        "amp": _precision(policy.device),
        "single_cls": False,  # else the value in the start weights applies
    }


def _loader_count(policy: TrainingPolicy) -> int:
    """
    How many processes load images beside the steps of a GPU; the same on a machine every time, as the weights depend on
    it. On a CPU ultralytics has none: loading takes a twentieth of the seconds there.
    """
    import torch

    if policy.device in ("cpu", "mps") or not torch.cuda.is_available() or not SHARED.is_dir():
        return 0
    prefetched = policy.batch * 3 * policy.image_size**2 * PREFETCHED  # bytes in shared memory for each process
    fitting = shutil.disk_usage(SHARED).total // 2 // prefetched
    return min(LOADERS, (os.cpu_count() or 1) // policy.device_count, fitting)


def _precision(device: str) -> str | bool:
    """
    Use mixed precision if it needs no download.

    Ultralytics tests FP16 on a model that it downloads (`check_amp`). It uses bfloat16 without a test; GPUs support it
    natively from compute capability 8 on.
    """
    import torch

    is_cuda = torch.cuda.is_available() and device not in ("cpu", "mps")
    return "bf16" if is_cuda and torch.cuda.is_bf16_supported(including_emulation=False) else False


def _free_memory() -> None:
    import torch

    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
