"""The trainer on small snapshots of rectangles: what it refuses, what it gives way to, where it goes on."""

import signal
import threading
from dataclasses import replace

import pytest
import torch

from loop.errors import TrainingCancelled, TrainingFailed
from loop.training import checkpoints
from loop.training.trainer import TrainingPolicy, arguments, discard
from scripts.demo.scenes import WARM_START
from tests.builders import full_disk
from tests.fakes import Killed
from tests.training.builders import POLICY, trained, watching


@pytest.fixture(autouse=True)
def one_thread(monkeypatch):
    """Threads that wait for each other cost more than such small images take."""
    monkeypatch.setenv("OMP_NUM_THREADS", "1")


def a_task(snapshot, kind="labels"):
    return min((snapshot / kind / "train").glob("task-*"))


def test_progress_is_reported_epoch_by_epoch(snapshot, run):
    reports = []

    weights = trained(snapshot, run, watching(reports.append))

    assert [(one.epoch, one.epochs, one.batch) for one in reports] == [(0, 2, 4), (1, 2, 4), (2, 2, 4)]
    assert reports[-1].seconds_left == 0
    assert [set(one.seconds) - {"validate"} for one in reports[1:]] == [{"load", "step", "train"}] * 2
    assert all(bool(value.isfinite().all()) for value in torch_state(weights))


def test_one_thread_works_on_small_batches(snapshot, run, monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "2")
    threads = []

    trained(snapshot, run, watching(lambda _: threads.append(torch.get_num_threads())))

    assert set(threads) == {1}


def test_a_long_training_is_measured_ten_times_and_not_at_its_end(snapshot, run):
    reports = []

    trained(snapshot, run, watching(reports.append), TrainingPolicy(epochs=15, batch=16, image_size=64, device="cpu"))

    assert [one.epoch for one in reports if "validate" in one.seconds] == [2, 4, 6, 8, 10, 12, 14]
    assert [one.epoch for one in reports if one.map50_95 is None] == [0, 1]


def torch_state(weights):
    model = torch.load(weights, map_location="cpu", weights_only=False)["model"]
    return [value for value in model.state_dict().values() if value.is_floating_point()]


def test_two_trainings_of_one_seed_give_equal_weights_and_another_seed_gives_others(snapshot, tmp_path):
    first, second = (torch_state(trained(snapshot, tmp_path / name, watching())) for name in ("first", "second"))
    other = torch_state(trained(snapshot, tmp_path / "other", watching(), replace(POLICY, seed=1)))

    assert all(map(torch.equal, first, second))
    assert not all(map(torch.equal, first, other))


def test_the_weights_are_those_of_ultralytics_with_a_step_after_each_batch(snapshot, run, tmp_path):
    weights = trained(snapshot, run, watching())
    from ultralytics import YOLO

    model = YOLO(WARM_START)
    model.add_callback("on_train_start", lambda _: torch.set_num_threads(1))
    model.train(data=str(snapshot / "data.yaml"), nbs=POLICY.batch, **arguments(tmp_path / "plain", POLICY))

    assert all(map(torch.equal, torch_state(weights), torch_state(tmp_path / "plain" / "weights" / "last.pt")))


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


def test_killed_after_the_last_checkpoint_nothing_is_trained_again(snapshot, run):
    def die(progress):
        if progress.epoch == 2:
            raise Killed

    with pytest.raises(Killed):
        trained(snapshot, run, watching(die))
    reports = []

    weights = trained(snapshot, run, watching(reports.append))

    assert (reports, weights.exists()) == ([], True)


def test_a_full_disk_is_named_and_finished_weights_are_whole_or_not_there(snapshot, run):
    with full_disk(1_000_000), pytest.raises(TrainingFailed, match=f"File too large: '{run}'"):
        trained(snapshot, run, watching())
    finished = trained(snapshot, run, watching())
    finished.unlink()

    with full_disk(1_000_000), pytest.raises(OSError, match=f"cannot be written.*{run}/half.pt"):
        checkpoints.finish(run, finished, ["Car", "Person"])

    assert not finished.exists()
    discard(run)
    assert list(run.glob("*.pt*")) == list(run.glob("*.tmp")) == []


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
