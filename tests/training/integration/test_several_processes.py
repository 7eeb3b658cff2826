"""A training by two processes, which meet by gloo on the CPU in place of NCCL on two GPUs."""

import os
import signal
import time

import psutil
import pytest

from loop.errors import TrainingCancelled, TrainingFailed
from loop.training import checkpoints
from loop.training.trainer import TrainingPolicy
from tests import child
from tests.training.builders import trained, watching

pytestmark = pytest.mark.timeout(600)

TWO = TrainingPolicy(epochs=2, batch=4, image_size=64, device="0,1")
ON_THE_CPU = """  # ultralytics has no training by several processes but on GPUs: this stands for the cards alone
import os

if os.environ.get("WORLD_SIZE"):  # a process that trains
    os.environ.update(OMP_NUM_THREADS="1", ULTRALYTICS_SAFE_LOAD="true", YOLO_OFFLINE="true")
    import torch
    from ultralytics.engine.trainer import BaseTrainer
    from ultralytics.utils import RANK

    prepare, parallel = BaseTrainer.__init__, torch.nn.parallel.DistributedDataParallel

    def on_the_cpu(trainer, cfg=None, overrides=None, _callbacks=None):
        prepare(trainer, cfg, {**overrides, "device": "cpu"}, _callbacks)
        trainer.world_size = int(os.environ["WORLD_SIZE"])

    def meet(trainer):
        torch.distributed.init_process_group("gloo", timeout=None, rank=RANK, world_size=trainer.world_size)

    BaseTrainer.__init__, BaseTrainer._setup_ddp = on_the_cpu, meet
    torch.nn.parallel.DistributedDataParallel = lambda model, device_ids, **options: parallel(model, **options)
"""


@pytest.fixture(autouse=True)
def on_the_cpu(tmp_path, monkeypatch):
    (tmp_path / "site").mkdir()
    (tmp_path / "site" / "sitecustomize.py").write_text(ON_THE_CPU)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path / "site"))
    monkeypatch.setenv("OMP_NUM_THREADS", "2")
    return tmp_path / "site" / "sitecustomize.py"


def processes_of(run):
    """The processes that train in a folder."""
    return [process for process in psutil.process_iter(["cmdline"]) if str(run) in (process.info["cmdline"] or [])]


def addresses_of(run):
    """The addresses on which the processes listen."""
    connections = [each for process in processes_of(run) for each in process.net_connections()]
    return {each.laddr.ip for each in connections if each.status == psutil.CONN_LISTEN}


def until_none(run, seconds=15):
    deadline = time.monotonic() + seconds
    while processes_of(run) and time.monotonic() < deadline:
        time.sleep(0.1)
    return processes_of(run)


def test_two_processes_train_together_and_report_once(snapshot, run):
    reports, counts, listening = [], [], set()

    def report(progress):
        reports.append((progress.epoch, progress.epochs, progress.batch))
        counts.append(len(processes_of(run)))
        if progress.epoch == 1:
            listening.update(addresses_of(run))

    weights = trained(snapshot, run, watching(report), TWO)

    assert reports == [(0, 2, 4), (1, 2, 4), (2, 2, 4)]
    assert counts[0] == 2
    assert listening == {"127.0.0.1"}  # nobody elsewhere can reach them
    assert weights.exists()
    assert checkpoints.is_complete(checkpoints.checkpoint_path(run))
    assert not processes_of(run)


@pytest.mark.long
def test_a_wish_to_stop_ends_all_processes_at_once(snapshot, run):
    asked = []

    def check():
        asked.append(time.monotonic())
        raise TrainingCancelled("stop")

    with pytest.raises(TrainingCancelled):
        trained(snapshot, run, watching(check=check), TWO)

    assert time.monotonic() - asked[0] < 5
    assert not processes_of(run)


@pytest.mark.long
def test_killed_after_an_epoch_it_goes_on_from_the_checkpoint(snapshot, run):
    def kill_one(progress):
        if progress.epoch == 1:
            os.kill(processes_of(run)[-1].pid, signal.SIGKILL)

    with pytest.raises(TrainingFailed, match="one of its processes was killed by signal 9"):
        trained(snapshot, run, watching(kill_one), TrainingPolicy(epochs=20, batch=4, image_size=64, device="0,1"))
    assert not processes_of(run)
    reports = []

    with pytest.raises(TrainingCancelled):
        trained(snapshot, run, watching(lambda progress: stop_at(reports, progress)), TWO)

    assert reports[0] >= 1


def stop_at(reports, progress):
    reports.append(progress.epoch)
    raise TrainingCancelled("seen")


@pytest.mark.long
def test_a_failure_in_a_process_has_its_own_words(snapshot, run):
    label = next((snapshot / "labels" / "train").iterdir())
    label.write_text("0 nan nan nan nan\n")

    with pytest.raises(TrainingFailed, match=rf"^task {int(label.stem[5:])}: the image or its labels"):
        trained(snapshot, run, watching(), TWO)


@pytest.mark.long
def test_out_of_memory_in_a_process_halves_the_images_a_step(snapshot, run, on_the_cpu):
    with on_the_cpu.open("a") as file:
        file.write(
            "\n    step = BaseTrainer.optimizer_step\n"
            "    def short(trainer):\n"
            "        if trainer.batch_size > 2 and RANK == 1:\n"
            "            raise torch.OutOfMemoryError('CUDA out of memory')\n"
            "        step(trainer)\n"
            "    BaseTrainer.optimizer_step = short\n"
        )
    reports = []

    trained(snapshot, run, watching(reports.append), TWO)

    assert [(one.epoch, one.batch) for one in reports] == [(0, 4), (0, 2), (1, 2), (2, 2)]


def train_for_long(snapshot, run):
    trained(snapshot, run, watching(), TrainingPolicy(epochs=500, batch=4, image_size=64, device="0,1"))


def test_they_end_with_the_process_that_started_them(snapshot, run):
    parent = child.start(train_for_long, snapshot, run)
    deadline = time.monotonic() + 120
    while not checkpoints.checkpoint_path(run).exists() and time.monotonic() < deadline:
        time.sleep(0.2)
    assert len(processes_of(run)) == 2

    parent.kill()
    parent.join()

    assert not until_none(run)
