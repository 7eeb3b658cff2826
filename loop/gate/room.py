"""All that this room needs, built once by the wiring."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from loop.datasets.room import DatasetsRoom
from loop.gate.evaluator import Evaluator
from loop.gate.report_store import ReportStore
from loop.gate.rule import GatePolicy
from loop.label_studio.room import StudioRoom
from loop.registry.room import RegistryRoom
from loop.registry.store import Version

if TYPE_CHECKING:
    from loop.gate.evaluation import Evaluation


@dataclass(frozen=True, slots=True)
class GateRoom:
    """The comparison of a candidate with the champion."""

    studio: StudioRoom
    registry: RegistryRoom
    datasets: DatasetsRoom
    evaluator: Evaluator
    reports: ReportStore
    policy: GatePolicy

    def measure(self, version: Version, file: Path, data: Path) -> Evaluation:
        """Run a *file* of a version as it serves, by the labels that its classes mean; see `Evaluator.evaluate`."""
        config = self.studio.projects.get(version.project_id).config()
        return self.evaluator.evaluate(file, data, version.framing, config.label_map)
