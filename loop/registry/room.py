"""The stores and policies of this room, built once by the wiring; loads a version into memory."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from pathlib import Path

from loop.errors import RegistryError, StoreDown, WeightsRefused
from loop.job_queue.queue import JobQueue
from loop.label_studio.room import StudioRoom
from loop.notices import Outbox
from loop.registry.detectors import Detectors
from loop.registry.export_store import Export, ExportStore
from loop.registry.loaded_version import LoadedVersion, Thresholds
from loop.registry.moves import MoveLog
from loop.registry.store import FIRST, Version, WeightsRegistry
from loop.vision.detector import Detector

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class RegistryRoom:
    """The versions of every project; *thresholds* hold for versions that were registered without any."""

    studio: StudioRoom
    queue: JobQueue
    outbox: Outbox
    versions: WeightsRegistry
    exports: ExportStore
    moves: MoveLog
    detectors: Detectors
    thresholds: Thresholds

    def load(self, version: Version | None) -> LoadedVersion:
        """
        Load a version into memory; its detector has detected once. Raises DamagedWeights, WeightsRefused, StoreDown.

        Its trained weights serve in place of an export that is missing or damaged, or does not run here. Without a
        version, load the start weights, or nothing if they are not on this machine.
        """
        if version is None:
            base = self.detectors.base_if_here()
            detector = self.detectors.load(base) if base else None
            return LoadedVersion(self.version_name(None), detector, self.thresholds, is_registered=False)
        self.versions.verify(version)
        thresholds, exported = self.thresholds_of(version), self._load_exported(version)
        if exported:
            return LoadedVersion(version.name, exported[1], thresholds, runtime=exported[0].runtime)
        try:
            detector = self.detectors.load(version.weights, version.framing)
        except WeightsRefused as error:
            raise WeightsRefused(version.name, error.kind, error.advice) from error
        return LoadedVersion(version.name, detector, thresholds)

    def served_file(self, version: Version) -> Path:
        """
        Return the file by which a version serves on this machine: its export on a CPU, else its trained weights.

        If the export is missing, damaged or does not run here, a warning is logged. Raises StoreDown.
        """
        exported = self._load_exported(version)
        file = exported[0].file if exported else None
        return file or self.versions.bring(version)

    def _load_exported(self, version: Version) -> tuple[Export, Detector] | None:
        """Load the export of a version; None if it has none, or, with a warning, if the export does not run here."""
        export = self.exports.of(version)
        if export is None or export.file is None or not self.detectors.serves_exports:
            return None
        try:
            return export, self.detectors.load(self.exports.verify(version, export), version.framing)
        except (RegistryError, StoreDown) as error:
            log.warning("%s: its trained weights serve in place of its export: %s", version.name, error)
            return None

    def tidy(self, project_id: int) -> int:
        """Delete the files that a crash left without a version; return their number."""

        def list_registered() -> set[Path]:
            return self.exports.files(project_id) | {version.weights for version in self.versions.list(project_id)}

        return self.versions.files.remove_abandoned(project_id, list_registered)

    def thresholds_of(self, version: Version) -> Thresholds:
        """Return the thresholds of a version; thresholds that it lacks come from the settings."""
        own, ours = version.facts.thresholds, self.thresholds
        return Thresholds(own.get("floor", ours.floor), own.get("display", ours.display))

    def version_name(self, version: Version | None) -> str:
        """Return the name for predictions of a version; Label Studio needs a name before the first version exists."""
        return version.name if version else f"{self.versions.model_name}@{FIRST}"
