"""Train on all reviews, compare the candidate with the champion, and promote it if the gate passes it."""

from __future__ import annotations

import logging
import time
from contextlib import suppress
from dataclasses import asdict, replace
from datetime import datetime
from pathlib import Path

from loop.datasets import folder as dataset_folder
from loop.datasets.assemble import assemble_verified, rests_unlearned
from loop.datasets.folder import Snapshot
from loop.errors import LabelStudioDown, StoreDown, TrainingCancelled, TrainingFailed, UpstreamError
from loop.failures import describe_error
from loop.gate.compare import judge
from loop.gate.evaluation import Evaluation
from loop.gate.parity import export_and_measure
from loop.gate.rule import GateOutcome, Ruling
from loop.notices import NoticeKind
from loop.registry.promote import promote_unless_pinned
from loop.registry.store import Version, VersionFacts
from loop.storage.actor import acting_as
from loop.training.ask import ask_when_due
from loop.training.callbacks import TrainingProgress, Watch
from loop.training.room import TrainingRoom, TrainingStart
from loop.training.stopwatch import Stage, spend, timed
from loop.training.store import Phase, Training, TrainingEnd, TrainingState, describe_progress
from loop.training.trainer import TrainingPolicy, discard, train
from loop.vision.tiling.tiles import Framing

log = logging.getLogger(__name__)

ATTEMPTS = 3  # starts of a training without progress before it counts as failed


def retrain(trainings: TrainingRoom, project_id: int) -> str:
    """
    Run the open training of a project to its end: promoted, refused, held for a person, failed or cancelled.

    A killed training is run again and continues: with the same snapshot, from the trainer's last checkpoint, to the
    outcome already recorded.
    """
    open_trainings = trainings.store.open(project_id)
    if not open_trainings:
        return "no training asked for"
    training = trainings.store.start(open_trainings[0])
    if training.attempts == 1 and training.started_at:
        spend(trainings.store, training.id, {Stage.WAIT: (training.started_at - training.asked_at).total_seconds()})
    with acting_as(f"training {training.id}"):
        return _run_to_end(trainings, training)


def _run_to_end(trainings: TrainingRoom, training: Training) -> str:
    project_id = training.project_id
    reviews_until = training.reviews_until or trainings.reviews.facts.find_newest(project_id)
    try:
        training_end = training.end or _run(trainings, training, reviews_until)
        if training_end.gate is GateOutcome.PROMOTED and training_end.version and not training_end.is_pinned:
            pin = promote_unless_pinned(trainings.registry, project_id, training_end.version, training_end.reason)
            if pin:
                training_end = replace(training_end, is_pinned=True, reason=f"it does not serve: {pin}")
    except TrainingCancelled:
        training_end = TrainingEnd(TrainingState.CANCELLED, "cancelled")
    except (LabelStudioDown, StoreDown):  # the sweep asks again, and no finished work is lost
        trainings.store.excuse(training.id)
        raise
    except Exception as error:
        log.exception("training %d of project %d failed", training.id, project_id)
        training_end = TrainingEnd(
            TrainingState.FAILED, describe_error(error), trainings.store.get(training.id).version
        )
    close(trainings, training, training_end, reviews_until)
    ask_when_due(trainings, project_id)
    return f"{training_end.version or f'training {training.id}'} {training_end.status}: {training_end.reason}"


def close(trainings: TrainingRoom, training: Training, end: TrainingEnd, reviews_until: datetime | None) -> None:
    """
    Close a training and post the notice; after a kill it runs again with the same result.

    Mark the reviews until *reviews_until* as seen, unless the training was cancelled.
    """
    trainings.store.settle(training.id, end)
    if end.state is not TrainingState.CANCELLED:
        if reviews_until:
            trainings.studio.projects.mark_reviews_seen(training.project_id, reviews_until)
        _post(trainings, training, end)
    discard(trainings.run_folder(training))
    trainings.store.end(training.id, end.state)


def cancel(trainings: TrainingRoom, project_id: int) -> Training | None:
    """
    Ask the open training of a project to stop, and return it; None if no training is open.

    A waiting training ends at once. A running training checks every second while it trains, otherwise between its
    steps. Its reviews still count as new.
    """
    open_trainings = trainings.store.open(project_id)
    if not open_trainings:
        return None
    training = open_trainings[0]
    trainings.store.cancel(training.id)
    with suppress(UpstreamError), trainings.queue.alone(f"retrain-{project_id}") as is_idle:
        if is_idle and trainings.store.get(training.id).end is None:  # else the request came too late
            close(trainings, training, TrainingEnd(TrainingState.CANCELLED, "cancelled"), None)
    return trainings.store.get(training.id)


def _run(trainings: TrainingRoom, training: Training, reviews_until: datetime | None) -> TrainingEnd:
    _check(trainings, training)
    trainings.files.check()  # before hours of work whose weights it has to take
    registered = trainings.registry.versions.of_training(training.project_id, training.id)
    if registered:  # a killed run may have registered the version without noting it
        trainings.store.note(training.id, version=registered.name)
        trainings.store.reach(training.id, Phase.GATE)
        training = trainings.store.get(training.id)
    if training.stalled > ATTEMPTS:
        raise TrainingFailed(
            f"died {ATTEMPTS} times at the same place, {describe_progress(training)}: see the log of its worker"
        )
    snapshot = _get_snapshot(trainings, training, reviews_until, is_begun=registered is not None)
    candidate, trained = _get_candidate(trainings, training, snapshot, registered)
    _check(trainings, training)
    ruling = _judge(trainings, training, snapshot, candidate, trained)
    _check(trainings, training)
    end = TrainingEnd(TrainingState.ENDED, ruling.reason, candidate.name, ruling.outcome)
    gate = {"outcome": ruling.outcome.value, "reason": ruling.reason}
    batch = {"asked": trainings.policy.fit(snapshot.count_trained()).batch, "used": candidate.facts.training["batch"]}
    trainings.store.settle(training.id, end, snapshot=snapshot.report, gate=gate, batch=batch)
    return end


def _get_snapshot(
    trainings: TrainingRoom, training: Training, reviews_until: datetime | None, *, is_begun: bool
) -> Snapshot:
    """Return the dataset of a training; until it has begun, one that fits the version which it will start from."""
    datasets, project_id = trainings.datasets, training.project_id
    is_begun = is_begun or trainings.get_begun(training) is not None
    snapshot = datasets.snapshots.read(project_id, training.snapshot or "")
    if snapshot:
        with timed(trainings.store, training.id, Stage.VERIFY):
            dataset_folder.verify(snapshot)
    while snapshot is None or (not is_begun and rests_unlearned(datasets, project_id, snapshot)):
        trainings.store.reach(training.id, Phase.SNAPSHOT)
        with timed(trainings.store, training.id, Stage.SNAPSHOT):
            snapshot = assemble_verified(datasets, project_id, lambda: _check(trainings, training))
        trainings.store.note(training.id, snapshot=snapshot.hash, reviews_until=reviews_until)
        trainings.store.reach(training.id, Phase.TRAINING)
    return snapshot


def _judge(
    trainings: TrainingRoom, training: Training, snapshot: Snapshot, candidate: Version, trained: Evaluation
) -> Ruling:
    """Export a candidate whose *trained* weights were measured, and let the gate judge it."""
    with trainings.registry.detectors.keep():
        with timed(trainings.store, training.id, Stage.EXPORT):
            evaluated = export_and_measure(trainings.gate, candidate, snapshot, trained)
        _check(trainings, training)
        trainings.store.reach(training.id, Phase.GATE)
        # read again: another version may have been promoted meanwhile
        champion = trainings.registry.versions.champion(training.project_id)
        with timed(trainings.store, training.id, Stage.GATE):
            return judge(trainings.gate, snapshot, champion, candidate, evaluated)


def _get_candidate(
    trainings: TrainingRoom, training: Training, snapshot: Snapshot, registered: Version | None
) -> tuple[Version, Evaluation]:
    """Train, measure and register a version, unless an earlier run has registered it."""
    if registered:
        return registered, _measure(trainings, registered, snapshot)
    start = trainings.choose_start(training)
    weights, policy = _train_candidate(trainings, training, snapshot, start)
    _check(trainings, training)
    trainings.store.reach(training.id, Phase.MEASURING)
    with timed(trainings.store, training.id, Stage.MEASURE):
        framing = Framing(policy.image_size, snapshot.tiling)
        config = trainings.studio.projects.get(training.project_id).config()
        evaluated = trainings.gate.evaluator.evaluate(weights, snapshot.data, framing, config.label_map)
    tiled = {"tiling": snapshot.tiling.as_json()} if snapshot.tiling else {}
    facts = VersionFacts(
        snapshot=snapshot.hash,
        parent=start.version,
        classes=snapshot.class_names,
        thresholds=asdict(trainings.registry.thresholds),
        training={**policy.arguments(), **tiled, "training": training.id},
        metrics=asdict(evaluated.metrics),
    )
    with timed(trainings.store, training.id, Stage.REGISTER):
        version = trainings.registry.versions.add(training.project_id, weights, facts)
    trainings.store.note(training.id, version=version.name)
    return version, evaluated


def _measure(trainings: TrainingRoom, version: Version, snapshot: Snapshot) -> Evaluation:
    return trainings.gate.measure(version, trainings.registry.versions.bring(version), snapshot.data)


def _train_candidate(
    trainings: TrainingRoom, training: Training, snapshot: Snapshot, start: TrainingStart
) -> tuple[Path, TrainingPolicy]:
    """Train, and return the weights with the policy used, whose batch may be smaller for lack of memory."""
    fitted = trainings.policy.fit(snapshot.count_trained())
    batch = min(fitted.batch, int((training.progress or {}).get("batch", fitted.batch)))

    began, spent = time.monotonic(), 0.0

    def report(progress: TrainingProgress) -> None:
        nonlocal batch, spent
        batch = progress.batch
        details = asdict(progress)
        seconds = details.pop("seconds")
        spent += sum(seconds.values())
        spend(trainings.store, training.id, seconds)
        trainings.store.reach(training.id, Phase.TRAINING, batch_asked=fitted.batch, **details)

    policy = replace(fitted, batch=batch, image_size=start.image_size)
    watch = Watch(report, lambda: _check(trainings, training))
    weights = train(snapshot.trained_on, start.weights, trainings.run_folder(training), policy, watch)
    spend(trainings.store, training.id, {Stage.TRAIN: time.monotonic() - began - spent})
    return weights, replace(policy, batch=batch)


def _check(trainings: TrainingRoom, training: Training) -> None:
    """Raise TrainingCancelled if the training was cancelled."""
    if trainings.store.get(training.id).is_cancelled:
        raise TrainingCancelled(f"training {training.id} was cancelled")


def _post(trainings: TrainingRoom, training: Training, end: TrainingEnd) -> None:
    kind = NoticeKind.TRAINING_FAILED if end.state is TrainingState.FAILED else NoticeKind.TRAINING_FINISHED
    snapshot = (trainings.store.get(training.id).report or {}).get("snapshot", {})
    body = {
        "training": training.id,
        "project": training.project_id,
        "state": end.status,
        "version": end.version,
        "reason": end.reason,
        "counts": {key: snapshot.get(key, {}) for key in ("images", "boxes")},
    }
    trainings.outbox.post(training.project_id, kind, str(training.id), body)
