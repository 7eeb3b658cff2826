"""Checks that the open tasks of a project are predicted, and names those that are not."""

from __future__ import annotations

import threading
from contextlib import suppress
from itertools import islice

from loop.errors import ImageError, PayloadError, UpstreamError
from loop.installation.findings import Finding, ok, under_way, warning, wrong
from loop.installation.room import InstallationRoom
from loop.label_studio.projects import Project
from loop.label_studio.tasks import StoredTask
from loop.serving.refresh import is_due

MOST_NAMED = 5  # tasks
READING_SECONDS = 4.0  # in which the images of these tasks are tried


def predicted(installation: InstallationRoom, project: Project) -> list[Finding]:
    """Check that the open tasks have a prediction of the champion; name those that stay without one."""
    champion = installation.registry.versions.champion(project.id)
    total = installation.studio.client.count_open(project.id)
    if champion is None or not total:
        return [ok("predictions", f"{total} open tasks wait for a version" if total else "no open task")]
    done = min(total, installation.studio.client.count_open(project.id, champion.name))
    summary = f"{done} of {total} open tasks ({done / total:.0%}) have a prediction of {champion.name}"
    if done == total:
        return [ok("predictions", summary)]
    if is_due(installation.serving, project):
        return [_describe_refresh(installation, project, summary)]
    advice = (
        "mend these images, or delete the tasks; then "
        f"`loop connect --project {project.id}` has the open tasks predicted again"
    )
    return [warning("predictions", f"{summary}, not {_name_missing(installation, project, champion.name)}", advice)]


def _describe_refresh(installation: InstallationRoom, project: Project, summary: str) -> Finding:
    """Describe the job that predicts the tasks: how far it has come, or why it failed."""
    job = f"refresh-{project.id}"
    with suppress(UpstreamError):  # the check of Redis says it
        failure = installation.queue.find_failure(job)
        if failure:
            advice = "follow the message; the job is tried again by itself"
            return wrong("predictions", f"{summary}; the job that predicts them failed: {failure}", advice)
        progress = installation.queue.read_progress().get(job)
        if progress:
            summary = f"{summary}; {progress.line}"
    return under_way("predictions", summary, "wait: a job predicts them, and `loop status` shows how far it has come")


def _name_missing(installation: InstallationRoom, project: Project, version: str) -> str:
    """Return the first open tasks without a prediction of *version*, each with the fault of its image."""
    outlines = installation.studio.client.open_outlines(project.id, without=version)
    ids = [task.id for task in islice(outlines, MOST_NAMED + 1)]
    named = ids[:MOST_NAMED]
    tasks = installation.studio.client.named_tasks(project.id, named)
    faults = _find_faults(installation, project, [tasks[task_id] for task_id in named if task_id in tasks])
    texts = [f"task {task_id}{f': {faults[task_id]}' if task_id in faults else ''}" for task_id in named]
    return "; ".join([*texts, *(["and others"] if len(ids) > MOST_NAMED else [])])


def _find_faults(installation: InstallationRoom, project: Project, stored: list[StoredTask]) -> dict[int, str]:
    """Return why the images of tasks cannot be read, as far as that shows within READING_SECONDS."""
    faults, readable = dict[int, str](), []
    for task in stored:
        try:
            readable.append(task.read(project.config().image_key))
        except PayloadError as error:
            faults[task.id] = str(error)

    def read() -> None:
        results = installation.vision.images.map(lambda _, image: image.shape, readable)
        for task, result in zip(readable, results, strict=True):
            if isinstance(result, ImageError):
                faults[task.id] = str(result)

    reading = threading.Thread(target=read, daemon=True)  # a slow image server delays the check only so long
    reading.start()
    reading.join(READING_SECONDS)
    return dict(faults)
