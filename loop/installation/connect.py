"""Set a Label Studio project up for the loop; done twice it changes nothing."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from loop.errors import UnknownVersion, UpstreamError, WeightsRefused
from loop.installation.room import InstallationRoom
from loop.label_studio.classes import FIT_ADVICE, fit_classes, join_names
from loop.label_studio.label_config import parse
from loop.label_studio.webhook import ensure_webhook
from loop.registry.follow import ask_refresh
from loop.registry.store import FIRST, VersionFacts
from loop.training.after_reviews import sync

SAMPLING = "Uncertainty sampling"
BACKEND_TITLE = "YOLO loop"
VIEW_TITLE = "Least certain first"
VIEW = {
    "title": VIEW_TITLE,
    "type": "list",
    "target": "tasks",
    "ordering": ["tasks:predictions_score"],
    "filters": {
        "conjunction": "and",
        "items": [{"filter": "filter:tasks:completed_at", "operator": "empty", "type": "Datetime", "value": True}],
    },
}


def connect(installation: InstallationRoom, project_id: int) -> list[str]:
    """
    Connect a project and return what was changed, one line each; nothing where all was as it should be.

    Before anything is recorded, the weights to start from have detected once. Raises LabelConfigError, WeightsRefused
    and PayloadError before anything is touched, UpstreamError where Label Studio refuses.
    """
    project = installation.studio.client.project(project_id)
    parse(project["label_config"])
    installation.registry.detectors.check_device()
    start = _start(installation, project_id)
    changed = []
    if installation.studio.projects.save(project_id, str(project["title"]), project["label_config"]):
        names = ", ".join(installation.studio.projects.class_names(project_id))
        changed.append(f"recorded “{project['title']}” with the classes {names}")
    changed += _first_version(installation, project_id, start)
    if changed:
        changed += _fit(installation, project_id)
    changed += _settings(installation, project)
    changed += _backend(installation, project_id)
    changed += ensure_webhook(installation.studio, project_id)
    changed += _view(installation, project_id)
    found = sync(installation.trainings, project_id)
    if not found.startswith("0 "):
        changed.append(found)
    ask_refresh(installation.registry, project_id)
    return changed


@dataclass(frozen=True, slots=True)
class _Start:
    """The weights that trainings start from and what they name and detect at, or why there are none."""

    weights: Path | None = None
    classes: tuple[str, ...] = ()
    image_size: int = 0
    why_none: str = ""


def _start(installation: InstallationRoom, project_id: int) -> _Start:
    """Try the weights to start from, where nothing better serves. Raises WeightsRefused."""
    if installation.registry.versions.champion(project_id):
        return _Start()
    try:
        weights = installation.registry.detectors.base()
    except UpstreamError as error:
        return _Start(why_none=str(error))
    try:
        detector = installation.registry.detectors.load(weights)
    except WeightsRefused as error:
        raise WeightsRefused(f"LOOP_BASE_WEIGHTS {weights}", error.kind, error.advice) from error
    return _Start(weights, detector.class_names, detector.image_size)


def _first_version(installation: InstallationRoom, project_id: int, start: _Start) -> list[str]:
    """Let the weights that trainings start from serve until there is something better."""
    if start.why_none:
        return [f"no version yet, tasks stay without pre-annotation until the first training: {start.why_none}"]
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
    installation.registry.versions.promote(project_id, version.name, "the weights to start from")
    return [f"{version.name} serves: {start.weights.name}, at {start.image_size} pixels"]


def _fit(installation: InstallationRoom, project_id: int) -> list[str]:
    """Say which labels nothing suggests yet."""
    champion = installation.registry.versions.champion(project_id)
    if champion is None or not champion.facts.classes:
        return []
    config = (
        installation.studio.projects.get(project_id)
        .config()
        .knowing(installation.studio.classes.book(project_id).synonyms())
    )
    fit = fit_classes(config, champion.facts.classes)
    if fit.is_empty:
        classes, labels = join_names(champion.facts.classes), join_names(config.label_names)
        found = f"no class of {champion.name} ({classes}) is a label of the project ({labels})"
        return [f"WARNING: nothing will be suggested, because {found}: {FIT_ADVICE}"]
    if fit.labels:
        labels = join_names(fit.labels)
        return [f"not suggested, because {champion.name} has no class for them: {labels}. {FIT_ADVICE.capitalize()}"]
    return []


def _settings(installation: InstallationRoom, project: dict[str, Any]) -> list[str]:
    """The order of the queue, and that the annotator sees the prediction."""
    wanted = {"sampling": SAMPLING, "show_collab_predictions": True}
    wrong = {key: value for key, value in wanted.items() if project.get(key) != value}
    if wrong:
        installation.studio.client.update_project(project["id"], **wrong)
    return [f"{key} set to {value}" for key, value in wrong.items()]


def _backend(installation: InstallationRoom, project_id: int) -> list[str]:
    door = installation.studio.door
    if any(backend["url"].rstrip("/") == door.url for backend in installation.studio.client.backends(project_id)):
        return []
    auth = {"auth_method": "BASIC_AUTH", "basic_auth_user": door.user, "basic_auth_pass": door.password}
    installation.studio.client.create_backend(
        project=project_id, url=door.url, title=BACKEND_TITLE, is_interactive=False, **(auth if door.user else {})
    )
    return [f"added the ML backend {door.url}"]


def _view(installation: InstallationRoom, project_id: int) -> list[str]:
    """A tab for people who choose tasks themselves; without any tab the editor shows no prediction at first."""
    if any(
        (view.get("data") or {}).get("title") == VIEW_TITLE for view in installation.studio.client.views(project_id)
    ):
        return []
    installation.studio.client.create_view(project_id, VIEW)
    return [f"added the view “{VIEW_TITLE}”"]
