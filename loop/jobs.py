"""The jobs that RQ runs: each takes ids, calls one use case, and returns one line."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from contextlib import closing, suppress
from functools import partial

import loop.delivery
import loop.installation.tidy
import loop.rates.post_alerts
import loop.references.index
import loop.references.plan
import loop.serving.refresh
import loop.serving.retire
import loop.taxonomy.run
import loop.training.retrain
from loop.crops.find_suspects import look
from loop.discovery import discover as discovery
from loop.discovery.cluster_policy import ClusterPolicy
from loop.errors import LoopError, UpstreamError
from loop.failures import Fault, attempt
from loop.installation.prompting.follow_labels import follow_labels
from loop.installation.tidy import remove_abandoned_weights
from loop.label_studio.projects import Project
from loop.process_table import LOWER, step_back
from loop.rates.annotators.show_again import show_again
from loop.references.room import ReferencesRoom
from loop.registry.promote import catch_up
from loop.rooms import Rooms
from loop.serving import shares
from loop.taxonomy import reapply as reapplication
from loop.training import after_reviews
from loop.training.ask import ask_when_due
from loop.wiring import build

log = logging.getLogger(__name__)
TURN_SECONDS = 180.0  # a command waits so long for a job of the same name


def review(project_id: int) -> str:
    """Work on the pending events of a project."""
    return _run_alone("review", project_id, lambda rooms: after_reviews.review(rooms.trainings, project_id))


def refresh(project_id: int) -> str:
    """Predict the open tasks of a project with its champion, at lower priority: annotators wait for other work."""
    step_back(LOWER)
    return _run_alone("refresh", project_id, lambda rooms: shares.refresh_in_turn(rooms.serving, project_id))


def refresh_share(project_id: int, number: int) -> str:
    """Predict open tasks of a project beside its refresh, on another worker."""
    step_back(LOWER)
    name = f"refresh-share-{number}"
    return _run_alone(name, project_id, lambda rooms: shares.share_in_turn(rooms.serving, project_id))


def sync(project_id: int, run: Callable[[str, int, Callable[[Rooms], str]], str] | None = None) -> str:
    """Record reviews that no event reported, and do what follows; a command gives `run_in_turn` to *run* each step."""
    steps: dict[str, Callable[[Rooms], str]] = {
        "sync": lambda rooms: after_reviews.sync(rooms.trainings, project_id).line,
        "show-again": lambda rooms: show_again(rooms.rates, project_id),
        "watch": lambda rooms: loop.rates.post_alerts.watch(rooms.rates, project_id),
        "retire": lambda rooms: loop.serving.retire.retire(rooms.serving, project_id),
        "follow-labels": lambda rooms: follow_labels(rooms.installation, project_id),
    }
    return "; ".join(filter(None, ((run or _run_alone)(name, project_id, step) for name, step in steps.items())))


def rebuild(project_id: int) -> str:
    """Read all reviews of a project from Label Studio again."""
    return run_in_turn("sync", project_id, lambda rooms: after_reviews.rebuild(rooms.trainings, project_id).line)


def index(project_id: int) -> str:
    """Make the missing vectors of a project, at low priority: annotators wait for other work."""
    step_back()
    return _run_alone("index", project_id, partial(_index, loop.references.index.index, project_id))


def build_references(project_id: int) -> str:
    """Make every missing vector of a project."""
    return run_in_turn("index", project_id, partial(_index, loop.references.index.build, project_id))


def rebuild_references(project_id: int) -> str:
    """Drop the vectors of a project, and make all of them again."""
    return run_in_turn("index", project_id, partial(_index, loop.references.index.rebuild, project_id))


def discover(project_id: int) -> str:
    """Cluster the unknown boxes of a project, at low priority: annotators wait for other work."""
    step_back()
    return _run_alone("discover", project_id, lambda rooms: discovery.discover(rooms.discovery, project_id))


def discover_now(project_id: int, policy: ClusterPolicy) -> str:
    """Cluster the unknown boxes of a project by a given policy."""
    return run_in_turn("discover", project_id, lambda rooms: discovery.discover(rooms.discovery, project_id, policy))


def discover_all() -> str:
    """Ask for a discovery in every project."""
    with closing(build()) as rooms:
        return discovery.ask_all(rooms.discovery)


def suspects(project_id: int) -> str:
    """Look for reviewed boxes of a project that may be wrong, at low priority: annotators wait for other work."""
    step_back()
    return _run_alone("suspects", project_id, lambda rooms: look(rooms.crops, project_id))


def match(project_id: int) -> str:
    """Give open tasks labels by references, match new detections to the taxonomy, and write both into Label Studio."""
    step_back()
    return _run_alone("match", project_id, lambda rooms: loop.taxonomy.run.run(rooms.taxonomies, project_id))


def reapply(project_id: int, token: str) -> str:
    """Carry out the dry run of a token; wait until no other job matches."""
    return run_in_turn("match", project_id, lambda rooms: reapplication.reapply(rooms.taxonomies, project_id, token))


def undo(project_id: int) -> str:
    """Undo the last re-application; wait until no other job matches."""
    return run_in_turn("match", project_id, lambda rooms: reapplication.undo(rooms.taxonomies, project_id))


def sync_all() -> str:
    """Ask for a comparison of every project with Label Studio, and remove weights that a crash left."""
    with closing(build()) as rooms:
        projects = rooms.studio.projects.all()
        for project in projects:
            rooms.queue.ask_sync(project.id)
            rooms.vision.ask_vectors(project.id)
            _succeeds(project, lambda project: remove_abandoned_weights(rooms.installation, project.id))
    return f"asked: sync {[project.id for project in projects]}"


def retrain(project_id: int) -> str:
    """Run the open training of a project, at low priority: annotators wait for other work."""
    step_back()
    return _run_alone("retrain", project_id, lambda rooms: loop.training.retrain.retrain(rooms.trainings, project_id))


def excuse_stopped(function: str, ids: tuple[int, ...]) -> None:
    """Do not count a job that was stopped with its worker as a failed start of its training."""
    if function == f"{__name__}.{retrain.__name__}":
        with closing(build()) as rooms:
            for training in rooms.trainings.store.open(*ids):
                rooms.trainings.store.excuse(training.id)


def deliver() -> str:
    """Send the due notices to their receivers."""
    with closing(build()) as rooms, rooms.queue.alone("deliver") as is_alone:
        line = loop.delivery.deliver(rooms.outbox, rooms.sender) if is_alone else "runs already; the sweep asks again"
    log.info("deliver: %s", line)
    return line


def tidy() -> str:
    """Remove what nothing needs any more, at low priority: annotators wait for other work."""
    step_back()
    with closing(build()) as rooms:
        return loop.installation.tidy.tidy(rooms.installation)


def sweep() -> str:
    """Ask again for lost work: jobs, pending events, open tasks, missing vectors, trainings whose worker died."""
    with closing(build()) as rooms:
        rooms.queue.put_back_lost()
        return _ask_again(rooms)


def _ask_again(rooms: Rooms) -> str:
    rooms.reviews.events.take_over()
    projects, pending = rooms.studio.projects.all(), set(rooms.reviews.events.pending_projects())
    to_review = [project.id for project in projects if project.id in pending]
    to_refresh = _find_due(projects, partial(loop.serving.refresh.is_due, rooms.serving))
    for project in projects:  # a cool-down ends without an event
        _succeeds(project, lambda project: ask_when_due(rooms.trainings, project.id))
        _succeeds(project, lambda project: catch_up(rooms.registry, project.id))
    to_index = _find_due(projects, partial(loop.references.plan.is_due, rooms.references))
    to_match = _find_due(projects, partial(loop.taxonomy.run.is_due, rooms.taxonomies))
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
    shared = shares.ask_shares(rooms.serving, to_refresh)
    asked = f"review {to_review}, refresh {to_refresh}, index {to_index}, match {to_match}, retrain {to_train}"
    return f"asked again: {asked}{f', shares {shared}' if shared else ''}{', deliver' if is_due else ''}"


def _index(work: Callable[[ReferencesRoom, int], loop.references.index.IndexRun], project_id: int, rooms: Rooms) -> str:
    """Make vectors, and forget the matches of embedders whose collections were dropped; return the line on the run."""
    indexed = work(rooms.references, project_id)
    for fingerprint in indexed.dropped:
        rooms.taxonomies.matches.forget(project_id, fingerprint)
    return indexed.line


def _find_due(projects: Sequence[Project], is_due: Callable[[Project], object]) -> list[int]:
    return [project.id for project in projects if _succeeds(project, is_due)]


def _succeeds(project: Project, act: Callable[[Project], object]) -> bool:
    """Return whether an act returned true for a project; log an act that fails, so that other projects go on."""
    done = attempt(partial(act, project))
    if isinstance(done, Fault):
        done.log(f"project {project.id} in the sweep")
    return not isinstance(done, Fault) and bool(done)


def _run_alone(name: str, project_id: int, work: Callable[[Rooms], str]) -> str:
    """Do work unless a job of this name runs already, for instance under a worker whose supervisor was killed."""
    with closing(build()) as rooms, rooms.queue.alone(f"{name}-{project_id}") as is_alone:
        rooms.installation.machine.place.check_folder()
        line = work(rooms) if is_alone else "runs already; the sweep asks again"
        if rooms.outbox.is_due():
            with suppress(UpstreamError):  # the sweep asks again
                rooms.queue.ask_deliver()
    log.info("%s project %d: %s", name, project_id, line)
    return line


def run_in_turn(name: str, project_id: int, work: Callable[[Rooms], str]) -> str:
    """Wait for a job of this name to end, then do work. Raises LoopError if it does not end in time."""
    deadline = time.monotonic() + TURN_SECONDS
    with closing(build()) as rooms:
        rooms.installation.machine.place.check_folder()
        while time.monotonic() < deadline:
            with rooms.queue.alone(f"{name}-{project_id}") as is_alone:
                if is_alone:
                    return work(rooms)
            time.sleep(0.5)
    raise LoopError(f"the job {name} of project {project_id} runs already and does not end: try again later")
