"""Exports a version once, to serve on a CPU, or records why its trained weights serve instead."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from loop.errors import WeightsRefused
from loop.failures import lies_outside
from loop.registry.export_store import Export
from loop.registry.loaded_version import EXPORTED, EXPORTED_8
from loop.registry.room import RegistryRoom
from loop.registry.store import Version
from loop.storage.files import scratch_folder
from loop.vision.cpu.model_file import SUFFIX

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Parity:
    """
    Whether an export is as good as the trained weights: an *objection* if not, and the figures.

    *smaller* is the file of an export in 8 bits, which serves in its place.
    """

    objection: str = ""
    measured: Mapping[str, Any] = field(default_factory=dict)
    smaller: Path | None = None


def export_once(
    registry: RegistryRoom, version: Version, judge: Callable[[Path], Parity] | None = None
) -> Export | None:
    """
    Export a version that was never exported, and record the export unless *judge* objects to it.

    Every export is checked when it is made; without a *judge* that check alone counts. The *judge* gets the file of the
    export in a folder that is removed afterwards, and may put another file beside it. If a check fails, the reason is
    recorded and the trained weights serve. Returns None if this machine serves on a GPU, and, with nothing recorded, if
    it lacked memory or disk for the export.
    """
    known = registry.exports.of(version)
    if known or not registry.detectors.serves_exports:
        return known
    with scratch_folder(registry.versions.files.folder(version.project_id)) as scratch:
        file = scratch / f"exported{SUFFIX}"
        try:
            registry.detectors.export(registry.versions.bring(version), file)
            parity = judge(file) if judge else Parity()
        except WeightsRefused as error:
            if isinstance(error.__cause__, Exception) and lies_outside(error.__cause__):
                log.warning("%s: its trained weights serve, as it cannot be exported now: %s", version.name, error.kind)
                return None
            parity = Parity(error.kind)
        if not parity.objection:
            runtime = EXPORTED_8 if parity.smaller else EXPORTED
            return registry.exports.add(version, runtime, parity.smaller or file, parity.measured)
    log.warning("%s: its trained weights serve, not its export for the CPU: %s", version.name, parity.objection)
    return registry.exports.refuse(version, EXPORTED, parity.objection, parity.measured)
