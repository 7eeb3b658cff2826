"""Train on all that was reviewed, measure against the champion, and promote what the gate passes."""

from __future__ import annotations

import logging
from dataclasses import asdict
from datetime import UTC, datetime

from loop import dataset_folder, refresh
from loop.compare import judge
from loop.dataset_folder import Snapshot
from loop.errors import EmptySnapshot, NotPassed
from loop.evaluation import Evaluation
from loop.gate import Outcome, objection_to_promoting
from loop.parts import Parts
from loop.registry import Facts, Version
from loop.review import ask_when_due
from loop.snapshots import LabelledImage
from loop.trainer import Progress, train
from loop.training_log import State, Training

log = logging.getLogger(__name__)

OUTCOMES = {State.PROMOTED: Outcome.PROMOTED, State.REFUSED: Outcome.REFUSED, State.HELD: Outcome.HELD}
ATTEMPTS = 3  # starts of one training, before it counts as failed


def retrain(parts: Parts, project_id: int) -> str:
    """
    Run the open training of a project to its end: promoted, refused, held or failed.

    Killed anywhere, it is run again and goes on: with the snapshot it had, from the trainer's last checkpoint.
    """
    asked = parts.trainings.open(project_id)
    if not asked:
        return "no training asked for"
    training = asked[0]
    if parts.trainings.start(training) > ATTEMPTS:
        parts.trainings.end(training.id, State.FAILED, error=f"died {ATTEMPTS} times")
        return f"failed: died {ATTEMPTS} times"
    reviews_until = training.reviews_until or datetime.now(UTC)
    try:
        line = _run(parts, training, reviews_until)
    except Exception as error:
        log.exception("training %d of project %d failed", training.id, project_id)
        parts.trainings.end(training.id, State.FAILED, error=f"{type(error).__name__}: {error}")
        line = f"failed: {error}"
    parts.projects.reviews_seen(project_id, reviews_until)
    ask_when_due(parts, project_id)
    return line


def _run(parts: Parts, training: Training, reviews_until: datetime) -> str:
    project_id = training.project_id
    snapshot = dataset_folder.read(parts.snapshots / str(project_id), training.snapshot or "")
    if snapshot is None:
        snapshot = build_snapshot(parts, project_id)
        parts.trainings.note(training.id, snapshot=snapshot.hash, reviews_until=reviews_until)
    champion = _champion(parts, training)
    candidate, evaluated = _candidate(parts, training, snapshot, champion)
    ruling = judge(parts, snapshot, champion, candidate, evaluated)
    report = {"snapshot": snapshot.report, "gate": {"outcome": ruling.outcome, "reason": ruling.reason}}
    if ruling.outcome is Outcome.PROMOTED:
        promote(parts, project_id, candidate.name, ruling.reason)
    state = State(ruling.outcome.value)
    parts.trainings.end(training.id, state, version=candidate.name, report=report)
    return f"{candidate.name} {state}: {ruling.reason}"


def promote(parts: Parts, project_id: int, name: str, why: str) -> Version:
    """Let a version serve, and have the open tasks predicted anew by it."""
    version = parts.registry.promote(project_id, name, why)
    refresh.ask(parts, project_id)
    return version


def promote_by_hand(parts: Parts, project_id: int, name: str, why: str | None, *, is_forced: bool = False) -> Version:
    """
    Let a version serve because a person says so. Raises UnknownVersion and NotPassed.

    What the gate refused, held or never judged needs to be forced, with a reason, unless it has served before.
    """
    version = parts.registry.get(project_id, name)
    training = parts.trainings.of_version(project_id, version.name)
    outcome = OUTCOMES.get(training.state) if training else None
    has_served = parts.registry.has_served(project_id, version.name)
    objection = objection_to_promoting(outcome, has_served=has_served)
    if objection and not (is_forced and why and why.strip()):
        raise NotPassed(version.name, objection)
    return promote(parts, project_id, version.name, why or "by hand")


def roll_back(parts: Parts, project_id: int, why: str) -> Version:
    """Let the version serve that served before; its stored predictions are in force again at once."""
    version = parts.registry.roll_back(project_id, why)
    refresh.follow(parts, project_id)
    refresh.ask(parts, project_id)
    return version


def build_snapshot(parts: Parts, project_id: int) -> Snapshot:
    """Write the dataset of all counted reviews. Raises EmptySnapshot."""
    counted = parts.reviews.counted(project_id)
    if len(counted) < 2:
        raise EmptySnapshot(f"{len(counted)} reviewed tasks: at least one to train on and one to measure on are needed")
    sides = parts.projects.sides(project_id, counted, parts.policies.held_out_share)
    image_key = parts.projects.get(project_id).config().image_key
    items = [
        LabelledImage(task_id, one.image(image_key) or "", one.review.regions, sides[task_id])
        for task_id, one in counted.items()
    ]
    names = parts.projects.class_names(project_id)
    root = parts.snapshots / str(project_id)
    return dataset_folder.write(root, items, names, lambda item: parts.image_cache.find(project_id, item))


def _champion(parts: Parts, training: Training) -> Version | None:
    """The version to beat: for a training that was cut off after its promotion, the one that it beat."""
    champion = parts.registry.champion(training.project_id)
    if champion and champion.name == training.version:
        parent = champion.facts.parent
        return parts.registry.get(training.project_id, parent) if parent else None
    return champion


def _candidate(
    parts: Parts, training: Training, snapshot: Snapshot, champion: Version | None
) -> tuple[Version, Evaluation]:
    """Train, measure and register, once: a training that was cut off after that has its version already."""
    if training.version:
        version = parts.registry.get(training.project_id, training.version)
        return version, parts.detectors.evaluate(version.weights, snapshot.data)
    start = champion.weights if champion else parts.detectors.base()
    run = parts.runs / f"training-{training.id}"

    def report(progress: Progress) -> None:
        parts.trainings.note(training.id, progress=asdict(progress))

    weights = train(snapshot.data, start, run, parts.policies.training, report)
    evaluated = parts.detectors.evaluate(weights, snapshot.data)
    version = parts.registry.add(
        training.project_id,
        weights,
        Facts(
            snapshot=snapshot.hash,
            parent=champion.name if champion else None,
            classes=snapshot.class_names,
            training=parts.policies.training.arguments(),
            metrics=asdict(evaluated.metrics),
        ),
    )
    parts.trainings.note(training.id, version=version.name)
    return version, evaluated
