"""Set a Label Studio project up for the loop; done twice it changes nothing."""

from __future__ import annotations

import logging
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from loop.errors import PayloadError, RegistryError, UnknownVersion, UpstreamError, WeightsRefused
from loop.installation.outlook.read_standings import find_blindness, fit_champion
from loop.installation.prompting.follow_labels import follow_labels
from loop.installation.prompting.prompt_weights import advise_fit, prompt_weights
from loop.installation.room import InstallationRoom
from loop.label_studio.classes import join_names
from loop.label_studio.label_config import LabelConfig, parse
from loop.label_studio.states import ProjectChanges, ProjectState
from loop.label_studio.views import IS_OPEN, View, ViewChange, put_view
from loop.registry.export import export_once
from loop.registry.follow import ask_refresh
from loop.registry.store import FIRST, Version, VersionFacts
from loop.reviews.way_in import ensure_backend, ensure_webhook
from loop.training.after_reviews import sync
from loop.vision.weights_kind import is_prompted

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
    config = parse(project.label_config)
    installation.registry.detectors.check_device()
    with _started(installation, project_id, config) as start:
        changed = _record(installation, project, start)
    changed += _settings(installation, project)
    changed += ensure_backend(installation.studio, project_id)
    changed += ensure_webhook(installation.studio, project_id)
    changed += _view(installation, project_id)
    log.info("project %d: comparing the records with Label Studio", project_id)
    synced = sync(installation.trainings, project_id)
    changed += [synced.line] if synced.changed else []
    ask_refresh(installation.registry, project_id)
    return changed


def _record(installation: InstallationRoom, project: ProjectState, start: _Start) -> list[str]:
    """Record a project and its first version, and let the champion follow its labels."""
    project_id, changed = project.id, list[str]()
    if installation.studio.projects.save(project_id, project.title, project.label_config):
        names = join_names(installation.studio.projects.class_names(project_id))
        changed.append(f"recorded “{project.title}” with the classes {names}")
    changed += _first_version(installation, project_id, start)
    changed += _follow_labels(installation, project_id)
    if changed:
        changed += _fit(installation, project_id)
    return changed


def _follow_labels(installation: InstallationRoom, project_id: int) -> list[str]:
    """Give labels that were added a class, where a prompted version serves."""
    try:
        line = follow_labels(installation, project_id)
    except (RegistryError, PayloadError, UpstreamError) as error:
        return [f"WARNING: labels that were added have no class yet: {error}"]
    return [line] if line else []


@dataclass(frozen=True, slots=True)
class _Start:
    """The weights that serve first, with their classes and facts; or the reason why there are none."""

    weights: Path | None = None
    classes: tuple[str, ...] = ()
    facts: Mapping[str, Any] = field(default_factory=dict)
    why_none: str = ""


@contextmanager
def _started(installation: InstallationRoom, project_id: int, config: LabelConfig) -> Iterator[_Start]:
    """Try the weights that serve first, unless a version serves; they are there in the block. Raises WeightsRefused."""
    registry = installation.registry
    if registry.versions.champion(project_id):
        yield _Start()
        return
    try:
        weights = registry.detectors.start.first()
    except UpstreamError as error:
        yield _Start(why_none=str(error))
        return
    with tempfile.TemporaryDirectory() as scratch:
        log.info("project %d: trying the start weights %s", project_id, weights.name)
        try:
            file, facts = weights, dict[str, Any]({"from": weights.name})
            if is_prompted(weights):
                file = Path(scratch, "prompted.pt")
                facts = prompt_weights(registry.detectors, weights, config, file)
            detector = registry.detectors.load(file)
        except WeightsRefused as error:
            if error.weights == str(file):
                raise WeightsRefused(f"LOOP_BASE_WEIGHTS {weights}", error.kind, error.advice) from error
            raise
        yield _Start(file, detector.class_names, {**facts, "image_size": detector.image_size})


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
            training=start.facts,
        )
        version = installation.registry.versions.add(project_id, start.weights, facts, number=FIRST)
    log.info("project %d: exporting the start weights for this machine", project_id)
    export_once(installation.registry, version)
    installation.registry.versions.promote(project_id, version.name, "the weights to start from")
    line = f"{version.name} serves: {start.facts['from']}, at {start.facts['image_size']} pixels"
    if "prompts" not in start.facts:
        return [line]
    return [f"{line}, asked for {join_names(start.classes)}", *_check_training(installation, version)]


def _check_training(installation: InstallationRoom, version: Version) -> list[str]:
    """Return a warning where trainings need other weights than a prompted version, and these are not to be had."""
    try:
        installation.registry.detectors.to_train(version.weights)
    except (WeightsRefused, UpstreamError) as error:
        return [f"WARNING: no training can start: {error}"]
    return []


def _fit(installation: InstallationRoom, project_id: int) -> list[str]:
    """Return a line about the labels that nothing suggests yet."""
    champion, project = (
        installation.registry.versions.champion(project_id),
        installation.studio.projects.get(project_id),
    )
    fit, blind = fit_champion(project, champion), find_blindness(project, champion)
    advice = advise_fit(champion, project_id)
    first = "training" if installation.vision.embedders.is_off else "reviews"  # which make references
    if blind:
        return [f"WARNING: nothing will be suggested before the first {first}, because {blind}: {advice}"]
    if champion and fit and fit.labels:
        labels = join_names(fit.labels)
        why = f"because no class of {champion.name} fits: {advice}"
        return [f"nothing is suggested for {labels} before the first {first}, {why}"]
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
