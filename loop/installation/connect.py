"""Set a Label Studio project up for the loop; done twice it changes nothing."""

from __future__ import annotations

import logging
from dataclasses import asdict, dataclass
from pathlib import Path

from loop.errors import UnknownVersion, UpstreamError, WeightsRefused
from loop.installation.room import InstallationRoom
from loop.label_studio.classes import FIT_ADVICE, fit_classes, join_names
from loop.label_studio.label_config import parse
from loop.label_studio.states import ProjectChanges, ProjectState
from loop.label_studio.views import IS_OPEN, View, ViewChange, put_view
from loop.registry.export import export_once
from loop.registry.follow import ask_refresh
from loop.registry.store import FIRST, VersionFacts
from loop.reviews.way_in import ensure_backend, ensure_webhook
from loop.training.after_reviews import sync

log = logging.getLogger(__name__)
SAMPLING = "Uncertainty sampling"
VIEW = View("Least certain first", (IS_OPEN,), ordering=("tasks:predictions_score",))


def connect(installation: InstallationRoom, project_id: int) -> list[str]:
    """
    Connect a project and return the changes, one line each; none if all is as it should be.

    The weights to start from must detect once before anything is recorded. Raises LabelConfigError, WeightsRefused and
    PayloadError before anything is changed, and UpstreamError if Label Studio refuses.
    """
    project = installation.studio.client.project(project_id)
    parse(project.label_config)
    installation.registry.detectors.check_device()
    start = _start(installation, project_id)
    changed = []
    if installation.studio.projects.save(project_id, project.title, project.label_config):
        names = ", ".join(installation.studio.projects.class_names(project_id))
        changed.append(f"recorded “{project.title}” with the classes {names}")
    changed += _first_version(installation, project_id, start)
    if changed:
        changed += _fit(installation, project_id)
    changed += _settings(installation, project)
    changed += ensure_backend(installation.studio, project_id)
    changed += ensure_webhook(installation.studio, project_id)
    changed += _view(installation, project_id)
    log.info("project %d: comparing the records with Label Studio", project_id)
    synced = sync(installation.trainings, project_id)
    changed += [synced.line] if synced.changed else []
    ask_refresh(installation.registry, project_id)
    return changed


@dataclass(frozen=True, slots=True)
class _Start:
    """The weights that trainings start from, their classes and image size; or the reason why there are none."""

    weights: Path | None = None
    classes: tuple[str, ...] = ()
    image_size: int = 0
    why_none: str = ""


def _start(installation: InstallationRoom, project_id: int) -> _Start:
    """Try the weights to start from, unless a version serves. Raises WeightsRefused."""
    if installation.registry.versions.champion(project_id):
        return _Start()
    try:
        weights = installation.registry.detectors.base()
    except UpstreamError as error:
        return _Start(why_none=str(error))
    log.info("project %d: trying the start weights %s", project_id, weights.name)
    try:
        detector = installation.registry.detectors.load(weights)
    except WeightsRefused as error:
        raise WeightsRefused(f"LOOP_BASE_WEIGHTS {weights}", error.kind, error.advice) from error
    return _Start(weights, detector.class_names, detector.image_size)


def _first_version(installation: InstallationRoom, project_id: int, start: _Start) -> list[str]:
    """Let the weights that trainings start from serve until a version is trained."""
    if start.why_none:
        return [f"no version yet: {start.why_none}; without these weights nothing is predicted or trained"]
    if start.weights is None:
        return []
    try:
        version = installation.registry.versions.get(project_id, FIRST)
    except UnknownVersion:
        facts = VersionFacts(
            classes=start.classes,
            thresholds=asdict(installation.registry.thresholds),
            training={"from": start.weights.name, "image_size": start.image_size},
        )
        version = installation.registry.versions.add(project_id, start.weights, facts, number=FIRST)
    log.info("project %d: exporting the start weights for this machine", project_id)
    export_once(installation.registry, version)
    installation.registry.versions.promote(project_id, version.name, "the weights to start from")
    return [f"{version.name} serves: {start.weights.name}, at {start.image_size} pixels"]


def _fit(installation: InstallationRoom, project_id: int) -> list[str]:
    """Return a line about the labels that nothing suggests yet."""
    champion = installation.registry.versions.champion(project_id)
    if champion is None or not champion.facts.classes:
        return []
    config = (
        installation.studio.projects.get(project_id)
        .config()
        .with_synonyms(installation.studio.classes.book(project_id).synonyms())
    )
    fit = fit_classes(config, champion.facts.classes)
    if fit.is_empty:
        classes, labels = join_names(champion.facts.classes), join_names(config.label_names)
        reason = f"no class of {champion.name} ({classes}) is a label of the project ({labels})"
        return [f"WARNING: nothing will be suggested, because {reason}: {FIT_ADVICE}"]
    if fit.labels:
        labels = join_names(fit.labels)
        return [f"not suggested, because {champion.name} has no class for them: {labels}. {FIT_ADVICE.capitalize()}"]
    return []


def _settings(installation: InstallationRoom, project: ProjectState) -> list[str]:
    """Set the order of the queue, and let annotators see predictions."""
    changes, lines = ProjectChanges(), list[str]()
    if project.sampling != SAMPLING:
        changes["sampling"] = SAMPLING
        lines.append(f"sampling set to {SAMPLING}")
    if not project.shows_predictions:
        changes["shows_predictions"] = True
        lines.append("show_collab_predictions set to True")
    if changes:
        installation.studio.client.update_project(project.id, **changes)
    return lines


def _view(installation: InstallationRoom, project_id: int) -> list[str]:
    """Add a view for people who choose tasks themselves; without any view the editor shows no prediction at first."""
    change = put_view(installation.studio.client, project_id, VIEW, overwrites=False)
    return [f"added the view “{VIEW.title}”"] if change == ViewChange.ADDED else []
