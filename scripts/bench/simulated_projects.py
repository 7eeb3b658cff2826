"""Simulated projects and years of reviews, whose truth is known."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
from numpy.typing import NDArray

from loop.rates.audit import PredictedTask
from loop.rates.rates import RatedVerdict
from loop.reviews.verdicts import Decision
from loop.serving.queue_order import task_score

Numbers = NDArray[Any]

TASKS, BATCH, AUDIT_SHARE = 2000, 200, 0.05  # of a simulated project
THRESHOLD = 0.25
DAYS, A_DAY, COHORTS = 250, 40, 20  # a year of work, its tasks a day, its cohorts
FIRST_DAY = datetime(2026, 1, 5, 8, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class SimulatedProject:
    """A simulated project, by task: objects, missed objects, score, stream, and the order of the queue."""

    objects: Numbers
    missed: Numbers
    score: Numbers
    is_audit: Numbers
    order: Numbers  # tasks in the order in which they are served

    @property
    def truth(self) -> float:
        """The missed rate of all tasks."""
        return float(self.missed.sum() / self.objects.sum())


def simulate_project(
    rng: np.random.Generator,
    *,
    share: float = AUDIT_SHARE,
    hardest: float = 0.6,
    batches_differ: float = 0.0,
    is_placed_by_batch: bool = False,
) -> SimulatedProject:
    """
    Make a project whose tasks differ: on a hard image up to *hardest* of the objects are missed, on an easy one few.

    The objects of one image are alike. The score reflects its hardness only in part. *batches_differ*
    is the standard deviation, between batches of 200 tasks, of the log odds of hardness. With *is_placed_by_batch* the
    audited tasks are placed among the tasks of their batch instead of among all.
    """
    hardness = rng.beta(0.8, 1.6, TASKS)
    if batches_differ:
        odds = hardness / (1 - hardness) * np.exp(np.repeat(rng.normal(0, batches_differ, TASKS // BATCH), BATCH))
        hardness = odds / (1 + odds)
    objects = rng.poisson(1 + 4 * hardness, TASKS)
    missed = rng.binomial(objects, np.clip(hardest * hardness * rng.gamma(2.0, 0.5, TASKS), 0, 1))
    score = 1 / (1 + np.exp(4 * hardness - 2 + rng.normal(0, 0.8, TASKS)))
    is_audit = rng.random(TASKS) < share
    placed, draws, size = score.copy(), rng.random(TASKS), BATCH if is_placed_by_batch else TASKS
    for batch in np.split(np.arange(TASKS), TASKS // size):
        among = score[batch][~is_audit[batch]]
        placed[batch] = np.where(is_audit[batch], np.quantile(among, draws[batch]), score[batch])
    return SimulatedProject(objects, missed, score, is_audit, np.argsort(placed, kind="stable"))


def list_tasks(project: SimulatedProject, reviewed: Numbers) -> list[PredictedTask]:
    """Return the tasks as the estimate sees them: without verdicts where they were not reviewed."""
    return [
        PredictedTask(
            task_id=task,
            score=float(project.score[task]),
            is_audit=bool(project.is_audit[task]),
            is_reviewed=bool(reviewed[task]),
            missed=int(project.missed[task]) if reviewed[task] else 0,
            objects=int(project.objects[task]) if reviewed[task] else 0,
        )
        for task in range(len(project.score))
    ]


def find_reviewed(project: SimulatedProject, share: float) -> Numbers:
    """Return which tasks are reviewed when this share of the queue is done."""
    is_reviewed = np.zeros(len(project.order), bool)
    is_reviewed[project.order[: round(share * len(project.order))]] = True
    return is_reviewed


@dataclass(frozen=True, slots=True)
class Year:
    """
    The conditions of a year of reviews.

    Every *import_days* days the tasks of as many days come in, and are served least certain first; 0: in any order.
    Every *promotion_days* days a better version takes over, up to the share *best* of right boxes; 0: a version of this
    share serves all year. From *fall_day* on, the share *fall* of the predicted boxes is no longer right: in all
    cohorts, or in the first alone.
    """

    import_days: int = 0
    promotion_days: int = 0
    best: float = 0.9
    fall: float = 0.0
    fall_day: int = 125
    is_in_one_cohort: bool = False


def simulate_year(rng: np.random.Generator, year: Year) -> list[RatedVerdict]:
    """Return the verdicts of a year, task by task in the order of review."""
    hardness = rng.beta(1.2, 2.5, DAYS * A_DAY)
    is_audit = rng.random(len(hardness)) < AUDIT_SHARE
    cohorts = rng.integers(COHORTS, size=len(hardness))
    confidences = [_confidences(rng, of_task) for of_task in hardness]
    judged: list[RatedVerdict] = []
    for place, task in enumerate(_order(rng, confidences, is_audit, year.import_days * A_DAY)):
        day, minute = divmod(place, A_DAY)
        version = day // year.promotion_days if year.promotion_days else 3
        right = year.best * (0.55, 0.8, 0.92, 1.0)[min(version, 3)]
        falls = day >= year.fall_day and (not year.is_in_one_cohort or cohorts[task] == 0)
        seen = RatedVerdict(
            decision=Decision.MISSED,
            version=f"yolo_detector@1.{version}.0",
            label="Thing",
            stream="audit" if is_audit[task] else "queue",
            week="",
            task_id=task + 1,
            cohort=f"source {cohorts[task]}",
            reviewed_at=FIRST_DAY + timedelta(days=day, minutes=10 * minute),
        )
        lost = year.fall / right if falls else 0.0
        decided = _verdicts(rng, confidences[task], hardness[task], right, lost)
        judged += [replace(seen, decision=decision, confidence=confidence) for decision, confidence in decided]
    return judged


def _confidences(rng: np.random.Generator, hardness: float) -> list[float]:
    """Draw the confidences of all boxes on an image; on a hard image they are lower."""
    drawn = rng.normal(0.95 - 0.7 * hardness, 0.15, rng.poisson(3.0))
    return [float(confidence) for confidence in np.clip(drawn, 0.05, 0.99)]


def _order(rng: np.random.Generator, confidences: Sequence[Sequence[float]], is_audit: Numbers, size: int) -> list[int]:
    """Order tasks: the least certain first within each import, audited tasks anywhere."""
    score = np.array([task_score(of_task, THRESHOLD) for of_task in confidences])
    if not size:
        return list(range(len(score)))
    placed = np.where(is_audit, rng.permutation(score), score)
    blocks = (np.arange(start, min(start + size, len(score))) for start in range(0, len(score), size))
    return [int(task) for block in blocks for task in block[np.argsort(placed[block], kind="stable")]]


def _verdicts(
    rng: np.random.Generator, confidences: Sequence[float], hardness: float, right: float, lost: float
) -> list[tuple[Decision, float | None]]:
    """Draw the verdicts on one task; boxes of one image are right or wrong together more often than by chance."""
    verdicts: list[tuple[Decision, float | None]] = []
    alike = rng.beta(8 * right, 8 * (1 - right))
    for confidence in confidences:
        if confidence < THRESHOLD:
            continue
        is_right = rng.random() < min(0.98, alike * (0.4 + 0.7 * confidence)) and rng.random() >= lost
        wrong = Decision.FALSE_POSITIVE if rng.random() < 0.4 else Decision.CORRECTED
        verdicts.append((Decision.CONFIRMED if is_right else wrong, confidence))
    missed = int(rng.poisson(2.5 * hardness * (1.05 - right)))
    return verdicts + [(Decision.MISSED, None)] * missed
