"""A trainer that runs out of memory."""

import resource
from pathlib import Path

import pytest
import torch

from loop.errors import TrainingFailed
from tests.training.builders import trained, watching


def short_of_memory_above(most, reports):
    def report(progress):
        reports.append((progress.epoch, progress.batch))
        if progress.batch > most:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB")

    return report


def test_out_of_memory_halves_the_images_a_step(snapshot, run):
    reports = []

    trained(snapshot, run, watching(short_of_memory_above(1, reports)))

    assert reports == [(0, 4), (0, 2), (0, 1), (1, 1), (2, 1)]


def test_out_of_memory_in_a_later_epoch_goes_on_from_the_checkpoint(snapshot, run):
    reports = []

    def report(progress):
        reports.append((progress.epoch, progress.batch))
        if (progress.epoch, progress.batch) == (1, 4):
            raise torch.OutOfMemoryError("CUDA out of memory")

    trained(snapshot, run, watching(report))

    assert reports == [(0, 4), (1, 4), (1, 2), (2, 2)]


def without_memory_for_kernels():
    """Have oneDNN fail to get memory for the code of a kernel, as it does of its own accord where memory is short."""
    kernels = [(torch.nn.Conv2d(depth, 16, 3), torch.rand(4, depth, 16, 16)) for depth in range(40, 80)]
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    resource.setrlimit(resource.RLIMIT_AS, (pages * resource.getpagesize() + 2_000_000, -1))
    try:
        for kernel, images in kernels:
            kernel(images)
    finally:
        resource.setrlimit(resource.RLIMIT_AS, (-1, -1))


def test_out_of_memory_for_the_code_of_a_kernel_halves_them_too(snapshot, run):
    reports = []

    def report(progress):
        reports.append((progress.epoch, progress.batch))
        if progress.batch > 2:
            without_memory_for_kernels()
            raise RuntimeError("could not create a primitive")  # a process with memory to spare: the words alone

    trained(snapshot, run, watching(report))

    assert reports == [(0, 4), (0, 2), (1, 2), (2, 2)]


def test_out_of_memory_with_one_image_a_step_is_a_failure_that_says_what_to_do(snapshot, run):
    with pytest.raises(
        TrainingFailed, match="out of memory with one image of 64 pixels a batch: lower LOOP_IMAGE_SIZE"
    ):
        trained(snapshot, run, watching(short_of_memory_above(0, [])))


def test_ultralytics_halves_them_itself_in_the_first_epoch_and_that_is_told(snapshot, run, monkeypatch):
    from ultralytics.models.yolo.detect import DetectionTrainer

    prepare, reports = DetectionTrainer.preprocess_batch, []

    def short(trainer, batch):
        if trainer.batch_size > 2:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return prepare(trainer, batch)

    monkeypatch.setattr(DetectionTrainer, "preprocess_batch", short)

    trained(snapshot, run, watching(reports.append))

    assert [(one.epoch, one.batch) for one in reports] == [(0, 4), (1, 2), (2, 2)]
