"""Set a Label Studio project up for the loop; done twice it changes nothing."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from loop.adapters.registry import FIRST, Facts
from loop.decisions.label_config import parse
from loop.errors import UnknownVersion, UpstreamError
from loop.parts import Parts
from loop.use_cases import refresh
from loop.use_cases.sync import sync
from loop.use_cases.webhook import ensure_webhook

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


def connect(parts: Parts, project_id: int) -> list[str]:
    """
    Connect a project and return what was changed, one line each; nothing where all was as it should be.

    Raises LabelConfigError before anything is touched, UpstreamError where Label Studio refuses.
    """
    project = parts.label_studio.project(project_id)
    parse(project["label_config"])
    changed = []
    if parts.projects.save(project_id, str(project["title"]), project["label_config"]):
        changed.append(
            f"recorded “{project['title']}” with the classes {', '.join(parts.projects.class_names(project_id))}"
        )
    changed += _first_version(parts, project_id)
    changed += _settings(parts, project)
    changed += _backend(parts, project_id)
    changed += ensure_webhook(parts, project_id)
    changed += _view(parts, project_id)
    found = sync(parts, project_id)
    if not found.startswith("0 "):
        changed.append(found)
    refresh.ask(parts, project_id)
    return changed


def _first_version(parts: Parts, project_id: int) -> list[str]:
    """Let the weights that trainings start from serve until there is something better."""
    if parts.registry.champion(project_id):
        return []
    try:
        weights = parts.detectors.base()
        classes = parts.detectors.load(weights).class_names
    except (UpstreamError, TypeError, RuntimeError) as error:  # what ultralytics raises for weights it does not take
        return [f"no version yet, tasks stay without pre-annotation until the first training: {error}"]
    try:
        version = parts.registry.get(project_id, FIRST)
    except UnknownVersion:
        facts = Facts(
            classes=classes,
            thresholds=asdict(parts.policies.thresholds),
            training={"from": weights.name, "image_size": parts.policies.training.image_size},
        )
        version = parts.registry.add(project_id, weights, facts, number=FIRST)
    parts.registry.promote(project_id, version.name, "the weights to start from")
    return [f"{version.name} serves: {weights.name}"]


def _settings(parts: Parts, project: dict[str, Any]) -> list[str]:
    """The order of the queue, and that the annotator sees the prediction."""
    wanted = {"sampling": SAMPLING, "show_collab_predictions": True}
    wrong = {key: value for key, value in wanted.items() if project.get(key) != value}
    if wrong:
        parts.label_studio.update_project(project["id"], **wrong)
    return [f"{key} set to {value}" for key, value in wrong.items()]


def _backend(parts: Parts, project_id: int) -> list[str]:
    door = parts.door
    if any(backend["url"].rstrip("/") == door.url for backend in parts.label_studio.backends(project_id)):
        return []
    auth = {"auth_method": "BASIC_AUTH", "basic_auth_user": door.user, "basic_auth_pass": door.password}
    parts.label_studio.create_backend(
        project=project_id, url=door.url, title=BACKEND_TITLE, is_interactive=False, **(auth if door.user else {})
    )
    return [f"added the ML backend {door.url}"]


def _view(parts: Parts, project_id: int) -> list[str]:
    """A tab for people who choose tasks themselves; without any tab the editor shows no prediction at first."""
    if any((view.get("data") or {}).get("title") == VIEW_TITLE for view in parts.label_studio.views(project_id)):
        return []
    parts.label_studio.create_view(project_id, VIEW)
    return [f"added the view “{VIEW_TITLE}”"]
