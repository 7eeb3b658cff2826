"""Checks of trainings on the device."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path
from typing import Any

from loop.training.callbacks import Watch
from loop.training.retrain import retrain
from loop.training.trainer import TrainingPolicy, arguments, train
from loop.training.work import TrainingWork
from scripts.gpu_check.subject import GIB, Subject


def trainings(subject: Subject) -> list[dict[str, Any]]:
    """Two trainings through snapshot, trainer, registry and gate: from the start weights, then from the champion."""
    return [_train_once(subject) for _ in range(2)]


def _train_once(subject: Subject) -> dict[str, Any]:
    subject.reset_peak()
    rooms = subject.rooms
    training = rooms.trainings.store.ask(1, "gpu_check")
    began = time.perf_counter()
    line = retrain(rooms.trainings, 1)
    seconds = time.perf_counter() - began
    ended = rooms.trainings.store.get(training.id)
    if not ended.version:
        raise RuntimeError(line)
    version = rooms.registry.versions.get(1, ended.version)
    report = {key: value for key, value in (ended.report or {}).items() if key != "snapshot"}
    mean = {"mAP50-95": version.facts.metrics["map50_95"], "seconds": round(seconds, 1)}
    return {"line": line, **mean, "progress": dict(ended.progress or {}), "report": report, **subject.memory()}


def same_weights(subject: Subject) -> dict[str, Any]:
    """Whether two trainings with one seed end in the same weights, bit by bit; and the largest difference."""
    first, second = (_state(_train_alone(subject, f"same-{n}", epochs=2)[0]) for n in range(2))
    largest = max(float((first[name].float() - second[name].float()).abs().max()) for name in first)
    return {"equal": largest == 0, "largest_difference": largest}


def _train_alone(subject: Subject, name: str, **changes: Any) -> tuple[Path, float, list[Any]]:
    """Train on the newest snapshot; return the weights, the seconds and the reports of progress."""
    options = subject.options
    policy = TrainingPolicy(epochs=2, batch=16, image_size=options.image_size, device=options.device)
    reports: list[Any] = []
    began = time.perf_counter()
    weights = train(
        subject.data,
        options.folder / "start.pt",
        options.home / "runs" / name,
        replace(policy, **changes),
        Watch(reports.append, lambda: None),
    )
    return weights, time.perf_counter() - began, reports


def _state(weights: Path) -> dict[str, Any]:
    import torch

    state: dict[str, Any] = torch.load(weights, map_location="cpu", weights_only=False)["model"].state_dict()
    return state


def batches(subject: Subject) -> list[dict[str, Any]]:
    """Memory and seconds of an epoch by the images of a step."""
    rows = []
    for batch in (8, 16, 32, 64) if subject.is_cuda else (8,):
        subject.reset_peak()
        _, seconds, reports = _train_alone(subject, f"batch-{batch}", epochs=2, batch=batch)
        rows.append({"batch": batch, "used": reports[-1].batch, "seconds": round(seconds, 1), **subject.memory()})
    return rows


def loader(subject: Subject) -> dict[str, Any]:
    """Seconds of three epochs by stage, with the images loaded between the steps, and beside them."""
    options = subject.options
    policy = TrainingPolicy(epochs=3, batch=16, image_size=options.image_size, device=options.device)
    rows = {}
    for name in ("between", "beside", "between again", "beside again"):
        run = options.home / "runs" / f"loader {name}"
        own = arguments(run, policy)
        changed = {"workers": 0 if name.startswith("between") else own["workers"]}
        reports: list[Any] = []
        work = TrainingWork(
            *(str(options.folder / "start.pt"), str(run / "kept.pt"), policy.batch, policy.least_steps),
            {**own, **changed, "data": str(subject.data)},
        )
        work.run(Watch(reports.append, lambda: None))
        seconds = [dict(report.seconds) for report in reports[2:]]  # the first epoch starts all
        spent = {stage: round(sum(each.get(stage, 0.0) for each in seconds), 2) for stage in seconds[0]}
        rows[name] = {**changed, **spent}
    return rows


def precision(subject: Subject) -> dict[str, Any]:
    """The precision that a training uses here, and what ultralytics' own check of FP16 does without a network."""
    from loop.training.trainer import _precision

    answer: dict[str, Any] = {"used": _precision(subject.options.device)}
    if subject.is_cuda:
        from ultralytics.utils.checks import check_amp

        began = time.perf_counter()
        try:
            answer["check_amp"] = bool(check_amp(subject.detector()._model.model.cuda()))
        except Exception as error:  # noqa: BLE001 (its behaviour is the finding)
            answer["check_amp"] = f"{type(error).__name__}: {error}"
        answer["check_amp_seconds"] = round(time.perf_counter() - began, 1)
    return answer


def short_of_memory(subject: Subject) -> dict[str, Any]:
    """A training with too many images a step for the memory that it gets."""
    import torch

    if not subject.is_cuda:
        return {"skipped": "no card"}
    total = torch.cuda.get_device_properties(0).total_memory
    torch.cuda.empty_cache()
    torch.cuda.set_per_process_memory_fraction(2.5 * GIB / total)
    try:
        _, seconds, reports = _train_alone(subject, "short", epochs=2, batch=64, image_size=640)
    finally:
        torch.cuda.set_per_process_memory_fraction(1.0)
    return {"asked": 64, "used": [(report.epoch, report.batch) for report in reports], "seconds": round(seconds, 1)}
