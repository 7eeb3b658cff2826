"""Reads what the situation of a project follows from, out of the records."""

from __future__ import annotations

from loop.installation.outlook.situation import LastTraining, ProjectFacts, Standing, find_standings
from loop.installation.room import InstallationRoom
from loop.label_studio.classes import ClassFit, fit_classes, join_names
from loop.label_studio.projects import Project
from loop.registry.store import Version
from loop.serving.refresh import is_due
from loop.training.store import Training, describe_progress


def read_standings(
    installation: InstallationRoom, project: Project, champion: Version | None, training: Training | None
) -> tuple[Standing, ...]:
    """Return what a project does or waits for; *training* is its newest one."""
    return find_standings(
        ProjectFacts(
            champion=champion.name if champion else None,
            is_refreshing=is_due(installation.serving, project),
            blind=describe_blindness(installation, project, champion),
            left=count_left(installation, project),
            last=_read(training) if training else None,
        )
    )


def count_left(installation: InstallationRoom, project: Project) -> int:
    """Return how many more reviews start a training."""
    wanted = installation.trainings.retrain_policy.of(project.policy).retrain_after
    return wanted - installation.reviews.store.new_since(project.id, project.reviews_seen_at)


def fit_champion(project: Project, champion: Version | None) -> ClassFit | None:
    """Return how the classes of the champion fit the labels; None where its classes are not known."""
    if champion is None or not champion.facts.classes:
        return None
    return fit_classes(project.config(), champion.facts.classes)


def describe_blindness(installation: InstallationRoom, project: Project, champion: Version | None) -> str:
    """Return what is suggested until a trained version serves, and why; empty where a class of it is a label."""
    blind = find_blindness(project, champion)
    is_off = installation.vision.embedders.is_off
    what = "nothing is" if is_off else "only boxes that look like reviewed ones are"
    return f"{what} suggested until a trained version serves: {blind}" if blind else ""


def find_blindness(project: Project, champion: Version | None) -> str:
    """Return why the champion suggests nothing in a project; empty where a class of it is a label."""
    fit = fit_champion(project, champion)
    if champion is None or fit is None or not fit.is_empty:
        return ""
    classes, labels = join_names(champion.facts.classes), join_names(fit.labels)
    return f"no class of {champion.name} ({classes}) is a label of the project ({labels})"


def _read(training: Training) -> LastTraining:
    outcome = (training.report or {}).get("outcome") or {}
    return LastTraining(
        state=training.status,
        is_open=training.ended_at is None,
        doing=f"{training.id}, {describe_progress(training)}",
        reason=training.error or str(outcome.get("reason", "")),
        version=training.version or "",
    )
