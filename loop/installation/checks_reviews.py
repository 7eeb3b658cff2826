"""Checks of the recorded label config and reviews of a project, without Label Studio."""

from __future__ import annotations

from loop.errors import LabelConfigError
from loop.installation.findings import Finding, ok, warning, wrong
from loop.installation.room import InstallationRoom
from loop.label_studio.projects import Project

MOST_NAMED = 5


def label_config(installation: InstallationRoom, project: Project) -> list[Finding]:  # noqa: ARG001 (each check takes both)
    """Check that the recorded label config is supported: an older version may have accepted it."""
    try:
        config = project.config()
    except LabelConfigError as error:
        advice = f"change it in Label Studio's project settings, then run `loop connect --project {project.id}`"
        return [wrong("label config", str(error), advice)]
    return [ok("label config", f"{len(config.labels)} labels of {', '.join(config.own)} on {config.to_name}")]


def reviews(installation: InstallationRoom, project: Project) -> list[Finding]:
    """List reviews that are not read whole: they give no verdicts, and their images are in no dataset."""
    unread = installation.reviews.store.find_unread(project.id)
    if not unread:
        return [ok("reviews", "all are read whole")]
    named = [f"task {task_id}: {record.review.unread[0].text}" for task_id, record in list(unread.items())[:MOST_NAMED]]
    more = f"; and {len(unread) - MOST_NAMED} more" if len(unread) > MOST_NAMED else ""
    summary = f"{len(unread)} are not read whole, and left out of datasets and verdicts: {'; '.join(named)}{more}"
    return [warning("reviews", summary, f"follow each message; `loop sync --project {project.id}` reads them again")]


REVIEWS = (label_config, reviews)
