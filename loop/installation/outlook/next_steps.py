"""The three things that happen next in a connected project, and when."""

from __future__ import annotations

from loop.errors import UpstreamError
from loop.installation.outlook.read_standings import count_left, describe_blindness
from loop.installation.room import InstallationRoom
from loop.job_queue.queue import DEFAULT
from loop.label_studio.projects import Project
from loop.printable import count_of
from loop.registry.store import Version

GATE = (
    "when it is trained: it serves if it is better beyond doubt, on reviewed tasks that it was not trained on. Then "
    "the open tasks get its boxes; `loop status` says so, or why not"
)


def list_next_steps(installation: InstallationRoom, project_id: int) -> list[str]:
    """Return what happens next in a project and when, one line each: predictions, a training, and the gate."""
    project = installation.studio.projects.get(project_id)
    champion = installation.registry.versions.champion(project_id)
    return [
        _describe_predictions(installation, project, champion),
        _describe_training(installation, project, champion),
        GATE,
    ]


def _describe_predictions(installation: InstallationRoom, project: Project, champion: Version | None) -> str:
    when = "now" if _does_work(installation) else "as soon as `loop up` runs"
    if champion is None:
        return f"{when}: nothing, because no version serves; `loop connect` tries the start weights again"
    count = installation.studio.client.count_open(project.id)
    line = (
        f"{when}: a job predicts the {count_of(count, 'open task')} with {champion.name}, and new tasks when they come"
        if count
        else f"{when}: no task is open; new tasks are predicted with {champion.name} when they come"
    )
    blind = describe_blindness(installation, project, champion)
    return f"{line}; {blind}" if blind else f"{line}; the least certain come first"


def _describe_training(installation: InstallationRoom, project: Project, champion: Version | None) -> str:
    if champion is None:
        return "a training needs the start weights too"
    left = count_left(installation, project)
    if left <= 0:
        return "within seconds, or after the cool-down: a version is trained on all reviews"
    when = f"after {count_of(left, 'more review')} (LOOP_RETRAIN_AFTER), `loop retrain` or Start Training"
    count = installation.studio.client.count_open(project.id)
    short = f". The open tasks ({count}) are fewer: add tasks, or run `loop retrain`" if count < left else ""
    return f"{when}: a version is trained on all reviews{short}"


def _does_work(installation: InstallationRoom) -> bool:
    try:
        return installation.queue.workers().get(DEFAULT, 0) > 0
    except UpstreamError:
        return False
