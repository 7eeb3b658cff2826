"""All that this room needs, built once by the wiring."""

from __future__ import annotations

from dataclasses import dataclass

from loop.datasets.room import DatasetsRoom
from loop.gate.evaluator import Evaluator
from loop.gate.report_store import ReportStore
from loop.gate.rule import GatePolicy
from loop.label_studio.room import StudioRoom
from loop.registry.room import RegistryRoom


@dataclass(frozen=True, slots=True)
class GateRoom:
    """The comparison of a candidate with the champion."""

    studio: StudioRoom
    registry: RegistryRoom
    datasets: DatasetsRoom
    evaluator: Evaluator
    reports: ReportStore
    policy: GatePolicy
