"""Replays a labelled data set through the loop: predict, order, review, train, judge; round by round."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from loop.discovery.grouping import group_tasks
from loop.gate.average_precision import average_classes, average_precisions, resample
from loop.gate.evaluation import Evaluation
from loop.gate.promote_by_hand import promote_by_hand
from loop.gate.rule import GateOutcome
from loop.regions import Box
from loop.registry.detectors import Detectors
from loop.registry.store import Version
from loop.serving.refresh import refresh
from loop.settings import Settings
from loop.training.after_reviews import review
from loop.training.retrain import retrain
from loop.training.stopwatch import seconds_of
from loop.training.store import Training
from loop.vision.image_files import read_prepared
from scripts.demo.scenes import WARM_START, Scene
from scripts.learning.data import DATA, HeldOut, StudyData, write_images
from scripts.learning.oracle import add_seconds, count_work, review_some
from scripts.learning.plan import TRAIN_CPU, RoundResult, RunPlan, RunResult
from scripts.learning.project import StudyProject, open_project
from scripts.learning.studio import PROJECT
from scripts.learning.study_policy import FORMER, StudyPolicy

RESAMPLES = 400
WHOLE = Box(0, 0, 1, 1)
MANY = 10**9  # reviews: a study asks for its trainings itself


def train_for_real(_project: StudyProject, _training: Training) -> None:
    """Prepare nothing: the training trains."""


@dataclass(frozen=True, slots=True)
class Lab:
    """
    The parts of a run that tests replace: the data, the detectors, and the training.

    *prepare* is called before each training runs; a training whose weights are finished does not train. *variables*
    are more settings.
    """

    data: Mapping[str, StudyData] = field(default_factory=lambda: DATA)
    detectors: Detectors | None = None
    prepare: Callable[[StudyProject, Training], None] = train_for_real
    variables: Mapping[str, str] = field(default_factory=dict)


REAL = Lab()


def replay(
    plan: RunPlan,
    start: Path = WARM_START,
    lab: Lab = REAL,
    note: Callable[[RoundResult], None] = print,
    then: Callable[[StudyProject, Path], None] = lambda _project, _images: None,
) -> RunResult:
    """
    Replay a plan in a folder of its own, from the weights *start*.

    *note* is called after each round, and *then* at the end, with the project and the folder of its images.
    """
    data, rounds = lab.data[plan.data], list[RoundResult]()
    scenes = data.pool(plan.pool, plan.seed)
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        names = write_images(root / "images", scenes)
        held_out = HeldOut.write(root, data, plan.held_out)
        policy = StudyPolicy.read(plan.policy or FORMER)
        settings = make_settings(plan, data, root / "home", start, {**lab.variables, **policy.variables})
        project = open_project(settings, data.labels, root / "images", plan, lab.detectors)
        with closing(project.rooms), policy.apply(project.rooms.registry.detectors):
            truth = dict(enumerate(scenes, start=1))
            if plan.is_spread:
                group_images(project, root / "images", names)
            for number in range(1, plan.rounds + 1):
                project.studio.add_tasks(names[plan.arrivals(number)])
                result = _run_round(plan, project, truth, held_out, number, lab)
                rounds.append(result.after(rounds[-1]) if rounds else result)
                note(rounds[-1])
            then(project, root / "images")
    return RunResult(plan, tuple(rounds))


def make_settings(plan: RunPlan, data: StudyData, home: Path, start: Path, variables: Mapping[str, str]) -> Settings:
    """Return the settings of a run: the defaults, but for those of the plan, no audit, and no export for a CPU."""
    return Settings.read(
        {
            "LOOP_HOME": str(home),
            "LOOP_BASE_WEIGHTS": str(start),
            "LOOP_TRAIN_WEIGHTS": str(start),
            "LOOP_IMAGE_SIZE": str(data.image_size),
            "LOOP_EPOCHS": str(plan.epochs),
            "LOOP_QUEUE_ORDER": plan.queue_order,
            "LOOP_SPREAD": str(plan.is_spread),
            "LOOP_TRAIN_ON_ACCEPTED": str(plan.has_pseudo_labels),
            "LOOP_RETRAIN_AFTER": str(MANY),
            "LOOP_AUDIT_SHARE": "0",
            "LOOP_EXPORT": "none",
            "LOOP_REDIS_URL": "unix:///nowhere.sock",
            **variables,
        }
    )


def group_images(project: StudyProject, folder: Path, names: list[str]) -> None:
    """Record groups of similar images, as a discovery does of tasks with similar objects."""
    embedders, means = project.rooms.vision.embedders, {}
    space = embedders.whole_image_space()
    if space is None:
        raise ValueError("LOOP_EMBEDDER has no vectors of whole images")
    embedder = embedders.load(space, None)
    for task_id, name in enumerate(names, start=1):
        ((means[task_id],),) = embedder.embed([read_prepared(folder / name)], [[WHOLE]])
    project.rooms.serving.groups.replace(PROJECT, group_tasks(means))


def _run_round(
    plan: RunPlan, project: StudyProject, truth: Mapping[int, Scene], held_out: HeldOut, number: int, lab: Lab
) -> RoundResult:
    """Run a round; what counts so far is that of the round alone."""
    rooms, clock = project.rooms, Clock()
    with clock.time("predict"):
        refresh(rooms.serving, PROJECT)
    with clock.time("review"):
        tasks = review_some(project, truth, plan.batch(number))
        review(rooms.trainings, PROJECT)
    work = count_work(project, truth, tasks)
    cpu = time.process_time()
    with clock.time("train"):
        trained, outcome = _train(project, lab)
    cpu = round(time.process_time() - cpu, 2)
    with clock.time("measure"):
        evaluation = _measure(project, trained, held_out.whole)
        champion = rooms.registry.versions.champion(PROJECT)
        is_other = champion is not None and champion.name != trained.name
        served = _measure(project, champion, held_out.whole) if champion and is_other else evaluation
        earlier = _measure(project, trained, held_out.earlier) if held_out.earlier else None
    drawn = sum(len(truth[task].objects) for task in tasks)
    low, high = bound_precision(evaluation)
    return RoundResult(
        number=number,
        labelled=len(tasks),
        boxes=drawn,
        seconds=add_seconds(work),
        work={kind.value: count for kind, count in work.items()},
        drawn_without=drawn,
        outcome=outcome,
        map50=evaluation.metrics.map50,
        map50_95=evaluation.metrics.map50_95,
        low=low,
        high=high,
        served=served.metrics.map50_95 if champion else 0.0,
        took={**clock.seconds, TRAIN_CPU: cpu, **_list_stages(project)},
        earlier=earlier.metrics.map50_95 if earlier else None,
    )


def _train(project: StudyProject, lab: Lab) -> tuple[Version, str]:
    """Run a training to its end, as a person would who lets a version serve that the gate holds."""
    rooms = project.rooms
    lab.prepare(project, rooms.trainings.store.ask(PROJECT, "a study"))
    line = retrain(rooms.trainings, PROJECT)
    ended = rooms.trainings.store.last(PROJECT)[0]
    if ended.version is None:
        raise RuntimeError(line)
    if ended.status == GateOutcome.HELD:
        promote_by_hand(rooms.gate, PROJECT, ended.version, "the oracle of a study decides so", is_forced=True)
    return rooms.registry.versions.get(PROJECT, ended.version), ended.status


def _list_stages(project: StudyProject) -> dict[str, float]:
    """Return the seconds of the last training by its stages."""
    stages = seconds_of(project.rooms.trainings.store.last(PROJECT)[0])
    return {f"train: {stage}": round(seconds, 2) for stage, seconds in stages.items()}


def _measure(project: StudyProject, version: Version, held_out: Path) -> Evaluation:
    rooms = project.rooms
    return rooms.gate.evaluator.evaluate(rooms.registry.versions.bring(version), held_out, version.framing)


def bound_precision(evaluation: Evaluation) -> tuple[float, float]:
    """Return the 95% interval of mAP50-95 by a bootstrap over the images."""
    counts = resample(len(evaluation.images), RESAMPLES, np.random.default_rng(0))
    drawn = average_classes(average_precisions(evaluation, counts))
    low, high = np.quantile(drawn, [0.025, 0.975])
    return float(low), float(high)


class Clock:
    """Seconds by the name of the work."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}

    @contextmanager
    def time(self, name: str) -> Iterator[None]:
        """Note the seconds of the block."""
        began = time.monotonic()
        try:
            yield
        finally:
            self.seconds[name] = round(time.monotonic() - began, 2)
