"""Show matches in Label Studio."""

# ruff: noqa: D103, ARG001
from __future__ import annotations

from collections.abc import Mapping

from loop.adapters.project_list import Project
from loop.decisions.matching import Match
from loop.decisions.taxonomy import Taxonomy
from loop.parts import Parts

ByTask = Mapping[int, Mapping[str, Match]]


def publish(parts: Parts, project: Project, taxonomy: Taxonomy, matches_by_task: ByTask) -> str:
    return ""


def publish_views(parts: Parts, project_id: int, taxonomy: Taxonomy) -> str:
    return ""
