"""What RQ runs: each job takes ids, calls one use case, returns one line."""

from __future__ import annotations

import logging
from collections.abc import Callable
from contextlib import closing

from loop import refresh as refreshing
from loop import retrain as retraining
from loop import review as reviewing
from loop.bootstrap import build
from loop.parts import Parts

log = logging.getLogger(__name__)


def review(project_id: int) -> str:
    """Work on the pending events of a project."""
    return _alone("review", reviewing.review, project_id)


def refresh(project_id: int) -> str:
    """Predict the open tasks of a project by its champion."""
    return _alone("refresh", refreshing.refresh, project_id)


def retrain(project_id: int) -> str:
    """Run the open training of a project."""
    return _alone("retrain", retraining.retrain, project_id)


def sweep() -> str:
    """Ask again for whatever was left lying: events whose job was lost, trainings whose worker died."""
    with closing(build()) as parts:
        return _swept(parts)


def _swept(parts: Parts) -> str:
    pending = [project.id for project in parts.projects.all() if project.id in parts.events.pending_projects()]
    open_trainings = parts.trainings.open()
    for project_id in pending:
        parts.queue.ask_review(project_id)
    for training in open_trainings:
        parts.queue.ask_retrain(training.project_id)
    return f"{len(pending)} projects with pending events, {len(open_trainings)} open trainings"


def _alone(name: str, use_case: Callable[[Parts, int], str], project_id: int) -> str:
    with closing(build()) as parts, parts.queue.alone(f"{name}-{project_id}"):
        line = use_case(parts, project_id)
    log.info("%s project %d: %s", name, project_id, line)
    return line
