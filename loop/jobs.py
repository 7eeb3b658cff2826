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
from loop.rates import post_alerts as watching
from loop.references import index as indexing
from loop.references import plan as plan_vectors
from loop.references.index import Indexed
from loop.registry.promote import catch_up
from loop.rooms import Rooms
from loop.serving import refresh as refreshing
from loop.serving import retire as retiring
from loop.taxonomy import match as matching
from loop.taxonomy import reapply as reapplying
from loop.training import after_reviews
from loop.training import retrain as retraining
from loop.training.ask import ask_when_due
from loop.wiring import build

log = logging.getLogger(__name__)
TURN_SECONDS = 180.0  # that a command waits for a job of the same name to end


def review(project_id: int) -> str:
    """Work on the pending events of a project."""
    return _alone("review", project_id, lambda rooms: after_reviews.review(rooms.trainings, project_id))


def refresh(project_id: int) -> str:
    """Predict the open tasks of a project by its champion."""
    return _alone("refresh", project_id, lambda rooms: refreshing.refresh(rooms.serving, project_id))


def sync(project_id: int) -> str:
    """Record the reviews of a project that no event told us of, look for falls in its rates, and tidy up."""
    steps: dict[str, Callable[[Rooms], str]] = {
        "sync": lambda rooms: after_reviews.sync(rooms.trainings, project_id).line,
        "watch": lambda rooms: watching.watch(rooms.rates, project_id),
        "retire": lambda rooms: retiring.retire(rooms.serving, project_id),
    }
    return "; ".join(_alone(name, project_id, step) for name, step in steps.items())


def rebuild(project_id: int) -> str:
    """Read all reviews of a project from Label Studio again."""
    return _alone("sync", project_id, lambda rooms: after_reviews.rebuild(rooms.trainings, project_id).line)


def index(project_id: int) -> str:
    """Give what is new of a project its vectors, out of the way of what annotators wait for."""
    os.nice(10)
    return _alone(
        "index",
        project_id,
        lambda rooms: _forget_dropped(rooms, project_id, indexing.index(rooms.references, project_id)),
    )


def build_references(project_id: int) -> str:
    """Make every vector of a project that is missing."""
    return _in_turn(
        "index",
        project_id,
        lambda rooms: _forget_dropped(rooms, project_id, indexing.build(rooms.references, project_id)),
    )


def rebuild_references(project_id: int) -> str:
    """Drop the vectors of a project and make them anew."""
    return _in_turn(
        "index",
        project_id,
        lambda rooms: _forget_dropped(rooms, project_id, indexing.rebuild(rooms.references, project_id)),
    )


def discover(project_id: int) -> str:
    """Cluster what nothing in a project has a name for, out of the way of what annotators wait for."""
    os.nice(10)
    return _alone("discover", project_id, lambda rooms: discovering.discover(rooms.discovery, project_id))


def discover_now(project_id: int, policy: ClusterPolicy) -> str:
    """Cluster what nothing in a project has a name for, by a policy of one's own."""
    return _in_turn("discover", project_id, lambda rooms: discovering.discover(rooms.discovery, project_id, policy))


def discover_all() -> str:
    """Ask for a discovery in every project."""
    with closing(build()) as rooms:
        return discovering.ask_all(rooms.discovery)


def match(project_id: int) -> str:
    """Match the detections of a project that have a new vector to the taxonomy, and show it in Label Studio."""
    os.nice(10)
    return _alone("match", project_id, lambda rooms: matching.match(rooms.taxonomies, project_id))


def reapply(project_id: int, token: str) -> str:
    """Do what a dry run said, when no other job matches."""
    return _in_turn("match", project_id, lambda rooms: reapplying.reapply(rooms.taxonomies, project_id, token))


def undo(project_id: int) -> str:
    """Take the last re-application back, when no other job matches."""
    return _in_turn("match", project_id, lambda rooms: reapplying.undo(rooms.taxonomies, project_id))


def sync_all() -> str:
    """Ask for a comparison of every project with Label Studio."""
    with closing(build()) as rooms:
        projects = rooms.studio.projects.all()
        for project in projects:
            rooms.queue.ask_sync(project.id)
            rooms.vision.ask_vectors(project.id)
            _holds(project, lambda project: rooms.registry.versions.tidy(project.id))
    return f"asked: sync {[project.id for project in projects]}"


def retrain(project_id: int) -> str:
    """Run the open training of a project."""
    return _alone("retrain", project_id, lambda rooms: retraining.retrain(rooms.trainings, project_id))


def stopped(function: str, ids: tuple[int, ...]) -> None:
    """A job was stopped with its worker, and is done again: a training has not died of itself then."""
    if function == f"{__name__}.{retrain.__name__}":
        with closing(build()) as rooms:
            for training in rooms.trainings.store.open(*ids):
                rooms.trainings.store.excuse(training.id)


def deliver() -> str:
    """Send what is due to its receivers."""
    with closing(build()) as rooms, rooms.queue.alone("deliver") as is_alone:
        line = delivering.deliver(rooms.outbox, rooms.sender) if is_alone else "runs already; the sweep asks again"
    log.info("deliver: %s", line)
    return line


def sweep() -> str:
    """Ask again for what was left lying: events whose job was lost, tasks, vectors, trainings whose worker died."""
    with closing(build()) as rooms:
        return _swept(rooms)


def _swept(rooms: Rooms) -> str:
    projects, pending = rooms.studio.projects.all(), set(rooms.reviews.events.pending_projects())
    to_review = [project.id for project in projects if project.id in pending]
    to_refresh = [project.id for project in projects if _holds(project, partial(refreshing.is_due, rooms.serving))]
    for project in projects:  # a cool-down ends without an event
        _holds(project, lambda project: ask_when_due(rooms.trainings, project.id))
        _holds(project, lambda project: catch_up(rooms.registry, project.id))
    to_index = [project.id for project in projects if _holds(project, partial(plan_vectors.is_due, rooms.references))]
    others = [project for project in projects if project.id not in to_index]
    to_match = [project.id for project in others if _holds(project, partial(matching.is_due, rooms.taxonomies))]
    to_train = [training.project_id for training in rooms.trainings.store.open()]
    for ask, ids in (
        (rooms.queue.ask_review, to_review),
        (rooms.queue.ask_refresh, to_refresh),
        (rooms.queue.ask_index, to_index),
        (rooms.queue.ask_match, to_match),
        (rooms.queue.ask_retrain, to_train),
    ):
        for project_id in ids:
            ask(project_id)
    is_due = rooms.outbox.is_due() and rooms.queue.ask_deliver()
    asked = f"review {to_review}, refresh {to_refresh}, index {to_index}, match {to_match}, retrain {to_train}"
    return f"asked again: {asked}{', deliver' if is_due else ''}"


def _forget_dropped(rooms: Rooms, project_id: int, indexed: Indexed) -> str:
    """Forget the matches of embedders whose collections were dropped; return the line on the run."""
    for fingerprint in indexed.dropped:
        rooms.taxonomies.matches.forget(project_id, fingerprint)
    return indexed.line


def _holds(project: Project, act: Callable[[Project], object]) -> bool:
    """Whether an act says so of a project; one that it fails for is logged, and holds no other up."""
    done = attempt(partial(act, project))
    if isinstance(done, Fault):
        done.log(f"project {project.id} in the sweep")
    return not isinstance(done, Fault) and bool(done)


def _alone(name: str, project_id: int, work: Callable[[Rooms], str]) -> str:
    """Do work unless it runs already, for instance under a worker whose supervisor was killed."""
    with closing(build()) as rooms, rooms.queue.alone(f"{name}-{project_id}") as is_alone:
        line = work(rooms) if is_alone else "runs already; the sweep asks again"
        if rooms.outbox.is_due():
            with suppress(UpstreamError):  # the sweep asks again
                rooms.queue.ask_deliver()
    log.info("%s project %d: %s", name, project_id, line)
    return line


def _in_turn(name: str, project_id: int, work: Callable[[Rooms], str]) -> str:
    """Do work when a job of the same name has ended. Raises LoopError where it goes on and on."""
    deadline = time.monotonic() + TURN_SECONDS
    with closing(build()) as rooms:
        while time.monotonic() < deadline:
            with rooms.queue.alone(f"{name}-{project_id}") as is_alone:
                if is_alone:
                    return work(rooms)
            time.sleep(0.5)
    raise LoopError(f"the job {name} of project {project_id} runs already and does not end: try again later")
