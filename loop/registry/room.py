"""The stores and policies of this room, built once by the wiring; loads a version into memory."""

from __future__ import annotations

from dataclasses import dataclass

from loop.errors import WeightsRefused
from loop.job_queue.queue import JobQueue
from loop.label_studio.room import StudioRoom
from loop.notices import Outbox
from loop.registry.detectors import Detectors
from loop.registry.loaded_version import LoadedVersion, Thresholds
from loop.registry.moves import MoveLog
from loop.registry.store import FIRST, Version, WeightsRegistry


@dataclass(frozen=True, slots=True)
class RegistryRoom:
    """The versions of every project; *thresholds* hold for versions that were registered without any."""

    studio: StudioRoom
    queue: JobQueue
    outbox: Outbox
    versions: WeightsRegistry
    moves: MoveLog
    detectors: Detectors
    thresholds: Thresholds

    def load(self, version: Version | None) -> LoadedVersion:
        """
        Load a version into memory; its detector has detected once. Raises DamagedWeights, WeightsRefused, StoreDown.

        Without a version, load the start weights, or nothing if they are not on this machine.
        """
        if version is None:
            base = self.detectors.base_if_here()
            detector = self.detectors.load(base) if base else None
            return LoadedVersion(self.version_name(None), detector, self.thresholds)
        self.versions.verify(version)
        try:
            detector = self.detectors.load(version.weights, version.image_size)
        except WeightsRefused as error:
            raise WeightsRefused(version.name, error.kind, error.advice) from error
        return LoadedVersion(version.name, detector, self.thresholds_of(version))

    def thresholds_of(self, version: Version) -> Thresholds:
        """Return the thresholds of a version; thresholds that it lacks come from the settings."""
        own, ours = version.facts.thresholds, self.thresholds
        return Thresholds(own.get("floor", ours.floor), own.get("display", ours.display))

    def version_name(self, version: Version | None) -> str:
        """Return the name for predictions of a version; Label Studio needs a name before the first version exists."""
        return version.name if version else f"{self.versions.model_name}@{FIRST}"
