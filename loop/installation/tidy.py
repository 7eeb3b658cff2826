"""Removes what nothing needs any more, kind by kind, each for a limited time; the next run goes on."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from functools import partial

from loop.datasets.survey import read_needed
from loop.errors import LoopError
from loop.failures import describe_error
from loop.installation.room import InstallationRoom
from loop.serving.tidy import drop_replaced
from loop.training.tidy import remove_runs, remove_shared_images, remove_snapshots, remove_stored_snapshots
from loop.walk import Walk

SECONDS = 60.0  # of a run, for each kind and project
PLACES = "tidied until"  # the fact in the records that has where each walk stopped
BATCH = 500  # rows removed in one transaction: an event that comes meanwhile waits for it
log = logging.getLogger(__name__)


def tidy(installation: InstallationRoom) -> str:
    """
    Remove what nothing needs any more, as `docs/retention.md` says; return how much of each kind.

    A kind or a project that fails holds no other up. Killed anywhere, the next run goes on. Only one process does this
    at a time.
    """
    with installation.queue.alone("tidy") as is_alone:
        if not is_alone:
            return "runs already"
        counts = {kind: _attempt(kind, partial(_remove, installation, kind)) for kind in KINDS}
        counts["weights"] = _attempt("weights", partial(_release_weights, installation))
        line = ", ".join(f"{kind} {count}" for kind, count in counts.items())
    log.info("tidy: removed: %s", line)
    return f"removed: {line}"


def _remove(installation: InstallationRoom, kind: str) -> int:
    """Remove what is old of one kind; return how much."""
    return KINDS[kind](installation, datetime.now(UTC) - timedelta(days=getattr(installation.retention, kind)))


def _attempt(kind: str, remove: Callable[[], int]) -> int | str:
    """Remove some of one kind; return how much, or that it failed."""
    try:
        return remove()
    except (LoopError, OSError) as error:
        log.warning("tidy: %s: %s", kind, describe_error(error))
        return "failed"


def _remove_events(installation: InstallationRoom, before: datetime) -> int:
    remove = installation.reviews.events.remove_old
    return _of_each_project(installation, lambda project_id: _repeat(partial(remove, project_id, before, most=BATCH)))


def _remove_notices(installation: InstallationRoom, before: datetime) -> int:
    return _repeat(partial(installation.outbox.remove_old, before, most=BATCH))


def _drop_predictions(installation: InstallationRoom, before: datetime) -> int:
    def drop(project_id: int) -> int:
        with _walk(installation, f"predictions {project_id}") as walk:
            return drop_replaced(installation.serving, project_id, before, walk)

    return _of_each_project(installation, drop)


def _remove_runs(installation: InstallationRoom, before: datetime) -> int:
    with _walk(installation, "runs") as walk:
        return remove_runs(installation.trainings, before, walk)


def _remove_snapshots(installation: InstallationRoom, before: datetime) -> int:
    installation.machine.place.check()  # the files of another installation are none of ours

    def remove(project_id: int) -> int:
        with installation.queue.alone(f"retrain-{project_id}") as is_idle:  # no training may use one meanwhile
            if not is_idle:
                return 0
            with _walk(installation, f"snapshots {project_id}") as walk:
                removed = remove_snapshots(installation.trainings, project_id, before, walk)
            with _walk(installation, f"shared images {project_id}") as walk:
                remove_shared_images(installation.trainings, project_id, before, walk)
            return removed + remove_stored_snapshots(installation.trainings, project_id, before)

    return _of_each_project(installation, remove)


def _remove_images(installation: InstallationRoom, before: datetime) -> int:
    """Remove cached images, unless the reviews of a project are being read, which says what images they need."""
    datasets, needed = installation.trainings.datasets, set[bytes]()
    for project_id in _list_projects(installation):
        with installation.queue.alone(f"sync-{project_id}") as is_idle:
            if not is_idle or installation.studio.projects.get(project_id).synced_until is None:
                return 0
            needed.update(read_needed(datasets, project_id))
    with _walk(installation, "images") as walk:
        return datasets.vision.cache.remove_unneeded(needed, before, walk)


def remove_abandoned_weights(installation: InstallationRoom, project_id: int) -> int:
    """
    Delete the files of weights that a crash left without a version; return their number.

    Raises MachineUnfit where the store has the files of another installation, StoreDown where it fails.
    """
    installation.machine.place.check()
    return installation.registry.tidy(project_id)


def _release_weights(installation: InstallationRoom) -> int:
    keep, versions = installation.retention.weights, installation.registry.versions

    def release(project_id: int) -> int:
        with installation.queue.alone(f"retrain-{project_id}") as is_idle:  # the gate may be measuring a version
            if keep is None or not is_idle or installation.trainings.store.open(project_id):
                return 0
            released = versions.release_weights(project_id, keep)
            remove_abandoned_weights(installation, project_id)
        return released

    return _of_each_project(installation, release)


KINDS: dict[str, Callable[[InstallationRoom, datetime], int]] = {
    "events": _remove_events,
    "notices": _remove_notices,
    "predictions": _drop_predictions,
    "runs": _remove_runs,
    "snapshots": _remove_snapshots,
    "images": _remove_images,
}


def _list_projects(installation: InstallationRoom) -> list[int]:
    return [project.id for project in installation.studio.projects.all()]


def _of_each_project(installation: InstallationRoom, remove: Callable[[int], int]) -> int:
    """Remove what is old of each project; return how much. Raises the first error, after the last project."""
    removed, errors = 0, list[LoopError | OSError]()
    for project_id in _list_projects(installation):
        try:
            removed += remove(project_id)
        except (LoopError, OSError) as error:
            errors.append(error)
    if errors:
        raise errors[0]
    return removed


@contextmanager
def _walk(installation: InstallationRoom, name: str) -> Iterator[Walk]:
    """Go on with the walk of a *name* where the run before stopped, also where that one failed."""
    facts = installation.machine.facts
    before = (facts.get(PLACES) or {}).get(name, "")
    walk = Walk(before, SECONDS)
    try:
        yield walk
    finally:
        if walk.after != before:
            facts.replace(PLACES, {**(facts.get(PLACES) or {}), name: walk.after})


def _repeat(remove: Callable[[], int]) -> int:
    """Remove a batch at a time until less than a batch is left, or time is up; return how much was removed."""
    walk, removed = Walk("", SECONDS), 0
    while walk.has_time:
        count = remove()
        removed += count
        if count < BATCH:
            break
    return removed
