"""What RQ runs: each job takes ids, calls one use case, returns one line."""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Callable
from contextlib import closing, suppress
from functools import partial

from loop import delivery as delivering
from loop.discovery import discover as discovering
from loop.discovery.clustering import ClusterPolicy
from loop.errors import LoopError, UpstreamError
from loop.failures import Fault, attempt
from loop.label_studio.projects import Project
from loop.parts import Parts
from loop.rates import post_alerts as watching
from loop.references import index as indexing
from loop.references import plan as plan_vectors
from loop.registry.promote import catch_up
from loop.serving import refresh as refreshing
from loop.serving import retire as retiring
from loop.taxonomy import match as matching
from loop.taxonomy import reapply as reapplying
from loop.training import after_reviews
from loop.training import retrain as retraining
from loop.training.ask import ask_when_due
from loop.vision.ask_vectors import ask_vectors
from loop.wiring import build

log = logging.getLogger(__name__)
TURN_SECONDS = 180.0  # that a command waits for a job of the same name to end


def review(project_id: int) -> str:
    """Work on the pending events of a project."""
    return _alone("review", after_reviews.review, project_id)


def refresh(project_id: int) -> str:
    """Predict the open tasks of a project by its champion."""
    return _alone("refresh", refreshing.refresh, project_id)


def sync(project_id: int) -> str:
    """Record the reviews of a project that no event told us of, look for falls in its rates, and tidy up."""
    steps = {"sync": after_reviews.sync, "watch": watching.watch, "retire": retiring.retire}
    return "; ".join(_alone(name, step, project_id) for name, step in steps.items())


def rebuild(project_id: int) -> str:
    """Read all reviews of a project from Label Studio again."""
    return _alone("sync", after_reviews.rebuild, project_id)


def index(project_id: int) -> str:
    """Give what is new of a project its vectors, out of the way of what annotators wait for."""
    os.nice(10)
    return _alone("index", indexing.index, project_id)


def build_references(project_id: int) -> str:
    """Make every vector of a project that is missing."""
    return _in_turn("index", indexing.build, project_id)


def rebuild_references(project_id: int) -> str:
    """Drop the vectors of a project and make them anew."""
    return _in_turn("index", indexing.rebuild, project_id)


def discover(project_id: int) -> str:
    """Cluster what nothing in a project has a name for, out of the way of what annotators wait for."""
    os.nice(10)
    return _alone("discover", discovering.discover, project_id)


def discover_now(project_id: int, policy: ClusterPolicy) -> str:
    """Cluster what nothing in a project has a name for, by a policy of one's own."""
    return _in_turn("discover", partial(discovering.discover, policy=policy), project_id)


def discover_all() -> str:
    """Ask for a discovery in every project."""
    with closing(build()) as parts:
        return discovering.ask_all(parts)


def match(project_id: int) -> str:
    """Match the detections of a project that have a new vector to the taxonomy, and show it in Label Studio."""
    os.nice(10)
    return _alone("match", matching.match, project_id)


def reapply(project_id: int, token: str) -> str:
    """Do what a dry run said, when no other job matches."""
    return _in_turn("match", lambda parts, project: reapplying.reapply(parts, project, token), project_id)


def undo(project_id: int) -> str:
    """Take the last re-application back, when no other job matches."""
    return _in_turn("match", reapplying.undo, project_id)


def sync_all() -> str:
    """Ask for a comparison of every project with Label Studio."""
    with closing(build()) as parts:
        projects = parts.projects.all()
        for project in projects:
            parts.queue.ask_sync(project.id)
            ask_vectors(parts, project.id)
            _holds(project, lambda project: parts.registry.tidy(project.id))
    return f"asked: sync {[project.id for project in projects]}"


def retrain(project_id: int) -> str:
    """Run the open training of a project."""
    return _alone("retrain", retraining.retrain, project_id)


def stopped(function: str, ids: tuple[int, ...]) -> None:
    """A job was stopped with its worker, and is done again: a training has not died of itself then."""
    if function == f"{__name__}.{retrain.__name__}":
        with closing(build()) as parts:
            for training in parts.trainings.open(*ids):
                parts.trainings.excuse(training.id)


def deliver() -> str:
    """Send what is due to its receivers."""
    with closing(build()) as parts, parts.queue.alone("deliver") as is_alone:
        line = delivering.deliver(parts) if is_alone else "runs already; the sweep asks again"
    log.info("deliver: %s", line)
    return line


def sweep() -> str:
    """Ask again for what was left lying: events whose job was lost, tasks, vectors, trainings whose worker died."""
    with closing(build()) as parts:
        return _swept(parts)


def _swept(parts: Parts) -> str:
    projects, pending = parts.projects.all(), set(parts.events.pending_projects())
    to_review = [project.id for project in projects if project.id in pending]
    to_refresh = [project.id for project in projects if _holds(project, partial(refreshing.is_due, parts))]
    for project in projects:  # a cool-down ends without an event
        _holds(project, lambda project: ask_when_due(parts, project.id))
        _holds(project, lambda project: catch_up(parts, project.id))
    to_index = [project.id for project in projects if _holds(project, partial(plan_vectors.is_due, parts))]
    others = [project for project in projects if project.id not in to_index]
    to_match = [project.id for project in others if _holds(project, partial(matching.is_due, parts))]
    to_train = [training.project_id for training in parts.trainings.open()]
    for ask, ids in (
        (parts.queue.ask_review, to_review),
        (parts.queue.ask_refresh, to_refresh),
        (parts.queue.ask_index, to_index),
        (parts.queue.ask_match, to_match),
        (parts.queue.ask_retrain, to_train),
    ):
        for project_id in ids:
            ask(project_id)
    is_due = parts.outbox.is_due() and parts.queue.ask_deliver()
    asked = f"review {to_review}, refresh {to_refresh}, index {to_index}, match {to_match}, retrain {to_train}"
    return f"asked again: {asked}{', deliver' if is_due else ''}"


def _holds(project: Project, act: Callable[[Project], object]) -> bool:
    """Whether an act says so of a project; one that it fails for is logged, and holds no other up."""
    done = attempt(partial(act, project))
    if isinstance(done, Fault):
        done.log(f"project {project.id} in the sweep")
    return not isinstance(done, Fault) and bool(done)


def _alone(name: str, use_case: Callable[[Parts, int], str], project_id: int) -> str:
    """Run a use case unless it runs already, for instance under a worker whose supervisor was killed."""
    with closing(build()) as parts, parts.queue.alone(f"{name}-{project_id}") as is_alone:
        line = use_case(parts, project_id) if is_alone else "runs already; the sweep asks again"
        if parts.outbox.is_due():
            with suppress(UpstreamError):  # the sweep asks again
                parts.queue.ask_deliver()
    log.info("%s project %d: %s", name, project_id, line)
    return line


def _in_turn(name: str, use_case: Callable[[Parts, int], str], project_id: int) -> str:
    """Run a use case when a job of the same name has ended. Raises LoopError where it goes on and on."""
    deadline = time.monotonic() + TURN_SECONDS
    with closing(build()) as parts:
        while time.monotonic() < deadline:
            with parts.queue.alone(f"{name}-{project_id}") as is_alone:
                if is_alone:
                    return use_case(parts, project_id)
            time.sleep(0.5)
    raise LoopError(f"the job {name} of project {project_id} runs already and does not end: try again later")
