"""Exports a version once for the CPU that serves it, or notes why its trained weights serve."""

from __future__ import annotations

import logging
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from loop.errors import WeightsRefused
from loop.registry.loaded_version import EXPORTED
from loop.registry.room import RegistryRoom
from loop.registry.store import Version
from loop.registry.variants import Variant
from loop.vision.cpu.model_file import SUFFIX

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Parity:
    """Whether an exported file is as good as the trained weights: an *objection*, and the figures behind it."""

    objection: str = ""
    measured: Mapping[str, Any] = field(default_factory=dict)


def export_once(
    registry: RegistryRoom, version: Version, judge: Callable[[Path], Parity] | None = None
) -> Variant | None:
    """
    Export a version, unless that was done before, and register the file unless *judge* objects to it.

    Without a *judge* the check of the export itself counts. Where it fails, the reason is recorded and the trained
    weights serve. Returns None where no CPU serves.
    """
    known = registry.variants.of(version)
    if known or not registry.detectors.is_on_cpu:
        return known
    with tempfile.TemporaryDirectory(prefix="loop-export-") as scratch:
        file = Path(scratch, f"exported{SUFFIX}")
        try:
            registry.detectors.export(registry.versions.bring(version), file)
            parity = judge(file) if judge else Parity()
        except WeightsRefused as error:
            parity = Parity(error.kind)
        if not parity.objection:
            return registry.variants.add(version, EXPORTED, file, parity.measured)
    log.warning("%s: its trained weights serve, not its export for the CPU: %s", version.name, parity.objection)
    return registry.variants.refuse(version, EXPORTED, parity.objection, parity.measured)
