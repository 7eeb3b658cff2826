"""Tells since when predictions are made as the label config of a project says now."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from loop.errors import LabelConfigError
from loop.label_studio.label_config import parse
from loop.label_studio.projects import Project
from loop.serving.room import ServingRoom


def find_config_change(serving: ServingRoom, project: Project, version: str) -> datetime | None:
    """
    Return when the label config last changed so that a version's boxes are shown otherwise; None if it never did.

    A label that no class of the version is changes nothing: it is given by references alone.
    """
    classes: Sequence[str] = ()
    for change in serving.predictions.read_config_changes(project.id):
        classes = classes or _read_classes(serving, project.id, version)
        if _read_rules(project, change.before, classes) != _read_rules(project, change.after, classes):
            return change.changed_at
    return None


def _read_classes(serving: ServingRoom, project_id: int, name: str) -> Sequence[str]:
    """Return the classes of a version; its weights have those that an old home did not record."""
    version = serving.registry.versions.get(project_id, name)
    if version.facts.classes:
        return version.facts.classes
    detector = serving.registry.load(version).detector
    return detector.class_names if detector else ()


def _read_rules(project: Project, label_config: str, classes: Sequence[str]) -> object:
    """Return how a label config shows boxes of *classes*, of all if none are known; None if it is refused today."""
    try:
        config = parse(label_config).with_synonyms(project.synonyms)
    except LabelConfigError:
        return None
    shown = config.label_map(classes).items()
    written = {name: (config.write_label(label), config.kind_of(label)) for name, label in shown}
    return written if classes else config.labels, config.score_threshold, config.image_key, config.to_name
