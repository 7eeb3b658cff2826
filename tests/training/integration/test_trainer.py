"""The trainer on small snapshots of rectangles: what it refuses, what it gives way to, where it goes on."""

import resource
import shutil
import signal
import threading
from contextlib import closing
from pathlib import Path

import pytest
import torch

from loop.datasets.assemble import assemble
from loop.errors import TrainingCancelled, TrainingFailed
from loop.training import checkpoints
from loop.training.callbacks import Watch
from loop.training.trainer import TrainingPolicy, train
from loop.wiring import build
from scripts.demo.scenes import WARM_START
from tests.fakes import Killed
from tests.training.builders import reviewed_project, settings_in

POLICY = TrainingPolicy(epochs=2, batch=4, image_size=64, device="cpu")


@pytest.fixture(autouse=True)
def one_thread(monkeypatch):
    """Threads that wait for each other cost more than such small images take."""
    monkeypatch.setenv("OMP_NUM_THREADS", "1")


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    settings = settings_in(tmp_path_factory.mktemp("home"))
    reviewed_project(settings)
    with closing(build(settings)) as rooms:
        return assemble(rooms.datasets, 1).folder


@pytest.fixture
def snapshot(made, tmp_path):
    """A snapshot of its own: eight images, one of them held out."""
    return shutil.copytree(made, tmp_path / "snapshot", ignore=shutil.ignore_patterns("*.cache"))


@pytest.fixture
def run(tmp_path):
    return tmp_path / "run"


def watching(report=lambda _: None, check=lambda: None):
    return Watch(report, check)


def trained(snapshot, run, watch, policy=POLICY, start=WARM_START):
    return train(snapshot / "data.yaml", start, run, policy, watch)


def a_task(snapshot, kind="labels"):
    return min((snapshot / kind / "train").glob("task-*"))


def test_progress_is_reported_epoch_by_epoch(snapshot, run):
    reports = []

    weights = trained(snapshot, run, watching(reports.append))

    assert [(one.epoch, one.epochs, one.batch) for one in reports] == [(0, 2, 4), (1, 2, 4), (2, 2, 4)]
    assert reports[-1].seconds_left == 0
    assert all(bool(value.isfinite().all()) for value in torch_state(weights))


def torch_state(weights):
    model = torch.load(weights, map_location="cpu", weights_only=False)["model"]
    return [value for value in model.state_dict().values() if value.is_floating_point()]


@pytest.mark.parametrize("label", ["0 nan nan nan nan\n", "0 0.5 0.5 1.7 0.2\n", "9 0.5 0.5 0.2 0.2\n"])
def test_a_poisoned_label_is_refused_by_its_task(snapshot, run, label):
    poisoned = a_task(snapshot)
    poisoned.write_text(label)

    with pytest.raises(TrainingFailed, match=rf"^task {int(poisoned.stem[5:])}: the image or its labels"):
        trained(snapshot, run, watching())


def test_an_unreadable_image_is_refused_by_its_task(snapshot, run):
    broken = a_task(snapshot, "images")
    broken.unlink()
    broken.write_bytes(b"no picture")

    with pytest.raises(TrainingFailed, match=rf"^task {int(broken.stem[5:])}: "):
        trained(snapshot, run, watching())


def test_a_held_out_image_that_cannot_be_read_is_refused_as_well(snapshot, run):
    (broken,) = (snapshot / "images" / "held_out").iterdir()
    broken.unlink()
    broken.write_bytes(b"no picture")

    with pytest.raises(TrainingFailed, match=f"task {int(broken.stem[5:])}: "):
        trained(snapshot, run, watching())


def test_a_loss_that_is_no_number_is_an_error(snapshot, run, tmp_path):
    checkpoint = torch.load(WARM_START, map_location="cpu", weights_only=False)
    next(iter(checkpoint["model"].parameters())).data[0] = float("nan")
    torch.save(checkpoint, tmp_path / "nan.pt")

    with pytest.raises(TrainingFailed, match="the loss of epoch 1 is not a number"):
        trained(snapshot, run, watching(), start=tmp_path / "nan.pt")

    assert not checkpoints.checkpoint_path(run).exists()


def test_weights_that_are_no_numbers_after_the_last_step_are_an_error(snapshot, run, monkeypatch):
    from ultralytics.engine.trainer import BaseTrainer

    step = BaseTrainer.optimizer_step

    def spoil(trainer):
        step(trainer)
        next(iter(trainer.model.parameters())).data.fill_(float("nan"))

    monkeypatch.setattr(BaseTrainer, "optimizer_step", spoil)

    with pytest.raises(TrainingFailed, match="weights are not numbers after epoch 1"):
        trained(snapshot, run, watching(), TrainingPolicy(epochs=1, batch=16, image_size=64, device="cpu"))


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
    with pytest.raises(TrainingFailed, match="out of memory with one image of 64 pixels a step: lower LOOP_IMAGE_SIZE"):
        trained(snapshot, run, watching(short_of_memory_above(0, [])))


def test_ctrl_c_ends_it_at_its_next_look(snapshot, run):
    reports = []
    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # a test run in the background ignores it

    def report(progress):
        reports.append(progress.epoch)
        if len(reports) == 1:
            signal.pthread_kill(threading.main_thread().ident, signal.SIGINT)

    try:
        with pytest.raises(KeyboardInterrupt):
            trained(snapshot, run, watching(report), TrainingPolicy(epochs=500, batch=4, image_size=64, device="cpu"))
    finally:
        signal.signal(signal.SIGINT, before)

    assert reports[-1] < 100


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


def test_killed_after_the_last_checkpoint_nothing_is_trained_again(snapshot, run):
    def die(progress):
        if progress.epoch == 2:
            raise Killed

    with pytest.raises(Killed):
        trained(snapshot, run, watching(die))
    reports = []

    weights = trained(snapshot, run, watching(reports.append))

    assert (reports, weights.exists()) == ([], True)


def test_a_checkpoint_that_cannot_be_read_is_begun_again(snapshot, run):
    run.mkdir()
    checkpoints.checkpoint_path(run).write_bytes(b"half a checkpo")
    reports = []

    trained(snapshot, run, watching(reports.append))

    assert [one.epoch for one in reports] == [0, 1, 2]


def test_whoever_watches_may_end_it(snapshot, run):
    looks = []

    def check():
        looks.append(1)
        raise TrainingCancelled("stop")

    with pytest.raises(TrainingCancelled):
        trained(snapshot, run, watching(check=check), TrainingPolicy(epochs=500, batch=4, image_size=64, device="cpu"))

    assert looks == [1]


def test_records_that_do_not_answer_for_a_moment_end_no_training(snapshot, run):
    looks = []

    def check():
        looks.append(1)
        raise OSError("the database restarts")

    policy = TrainingPolicy(epochs=6, batch=2, image_size=64, device="cpu")

    assert trained(snapshot, run, watching(check=check), policy).exists()
    assert looks
