"""The doctor's checks of what is read of a project: its label config and its reviews; Label Studio is not asked."""

from __future__ import annotations

from loop.errors import LabelConfigError
from loop.installation.findings import Finding, ok, warning, wrong
from loop.label_studio.projects import Project
from loop.parts import Parts

MOST_NAMED = 5


def label_config(parts: Parts, project: Project) -> list[Finding]:  # noqa: ARG001 (each check takes both)
    """Whether the label config that we have can be worked with: an older version of ours may have taken it."""
    try:
        config = project.config()
    except LabelConfigError as error:
        advice = f"change it in Label Studio's project settings, then run `loop connect --project {project.id}`"
        return [wrong("label config", str(error), advice)]
    return [ok("label config", f"{len(config.labels)} labels of {', '.join(config.own)} on {config.to_name}")]


def reviews(parts: Parts, project: Project) -> list[Finding]:
    """Which reviews are not read whole, and why: they judge nothing, and their images are in no dataset."""
    unread = parts.reviews.unread(project.id)
    if not unread:
        return [ok("reviews", "all are read whole")]
    named = [f"task {task_id}: {one.review.unread[0].text}" for task_id, one in list(unread.items())[:MOST_NAMED]]
    more = f"; and {len(unread) - MOST_NAMED} more" if len(unread) > MOST_NAMED else ""
    found = f"{len(unread)} are not read whole, and left out of datasets and verdicts: {'; '.join(named)}{more}"
    return [warning("reviews", found, f"do what each says; `loop sync --project {project.id}` reads them again")]


REVIEWS = (label_config, reviews)
