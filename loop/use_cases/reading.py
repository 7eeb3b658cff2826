"""The label config that a project's reviews are read by."""

from __future__ import annotations

from loop.decisions.label_config import LabelConfig
from loop.parts import Parts


def reading_config(parts: Parts, project_id: int) -> LabelConfig:
    """The label config of a project, and the labels of classes that the config itself lost. Raises LabelConfigError."""
    labels = parts.classes.book(project_id).labels(())
    return parts.projects.get(project_id).config().having(labels.ids)
