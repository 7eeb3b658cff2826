"""All that this room needs, built once by the wiring."""

from __future__ import annotations

from dataclasses import dataclass

from loop.label_studio.backend_address import Door
from loop.label_studio.class_store import ClassList
from loop.label_studio.client import LabelStudio
from loop.label_studio.projects import ProjectList


@dataclass(frozen=True, slots=True)
class StudioRoom:
    """Label Studio itself, and the connected projects with their classes."""

    client: LabelStudio
    door: Door
    projects: ProjectList
    classes: ClassList
