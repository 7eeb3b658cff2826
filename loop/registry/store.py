"""Versions of a project's detector: written once, never changed; aliases point to them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from loop.errors import NoChampion, Pinned, RegistryError, UnknownVersion, VersionExists
from loop.label_studio.imports.tasks import IMPORTED
from loop.registry import old_weights
from loop.registry.moves import CANDIDATE, CHAMPION, PREVIOUS, MoveKind, move, newest_first, serve
from loop.registry.version_order import next_number, version_key
from loop.registry.weights_files import WeightsFiles, verify
from loop.storage.changes import ChangeKind, record_change
from loop.storage.tables import aliases, projects, versions
from loop.vision.tiling.tiles import Framing, read_tiling

FIRST = "0.0.0"  # the number of the weights that a project starts from


@dataclass(frozen=True, slots=True)
class VersionFacts:
    """The facts about weights: where they come from, their classes, the thresholds at which they serve."""

    snapshot: str | None = None
    parent: str | None = None
    classes: tuple[str, ...] = ()
    thresholds: Mapping[str, float] = field(default_factory=dict)
    training: Mapping[str, Any] = field(default_factory=dict)
    metrics: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Version:
    """One version: its weights and the facts about them."""

    project_id: int
    name: str
    weights: Path
    sha256: str
    facts: VersionFacts
    created_at: datetime
    has_weights: bool = True

    @property
    def image_size(self) -> int | None:
        """Pixels of the longer side at which the version serves, None where unknown."""
        pixels = self.facts.training.get("image_size")
        return pixels if isinstance(pixels, int) else None

    @property
    def framing(self) -> Framing:
        """How images are framed for the version: as they were in its training."""
        return Framing(self.image_size, read_tiling(self.facts.training.get("tiling")))

    def verify(self) -> None:
        """Raise MissingWeights without the file, DamagedWeights where it differs from the registered weights."""
        self.require_weights()
        verify(self.name, self.weights, self.sha256)

    def require_weights(self) -> None:
        """Raise MissingWeights where the weights of the version were removed."""
        if not self.has_weights:
            raise old_weights.describe(self.name)


class WeightsRegistry:
    """
    The registry: weights in files named by their SHA-256, versions and aliases in the records.

    A file is complete before the row that names it is written. The row has everything that serving needs beside the
    weights: the champion changes by moving one alias in one transaction.
    """

    def __init__(self, engine: sa.Engine, files: WeightsFiles, model_name: str) -> None:
        self._engine, self.files, self.model_name = engine, files, model_name

    def add(
        self,
        project_id: int,
        weights: Path,
        facts: VersionFacts | None = None,
        *,
        number: str | None = None,
        model_name: str | None = None,
        sha256: str | None = None,
    ) -> Version:
        """
        Copy *weights* in as the next version, or as version *number*; move the `candidate` alias to it.

        Raises VersionExists, and DamagedWeights where the copy has another *sha256* than the weights had when they were
        checked.
        """
        file = self.files.add(project_id, weights, sha256)
        with self._engine.begin() as connection:
            _lock(connection, project_id)
            names = list(connection.scalars(sa.select(versions.c.name).where(versions.c.project_id == project_id)))
            model = model_name or self.model_name
            taken = [*names, IMPORTED] if IMPORTED.startswith(f"{model}@") else names
            name = f"{model}@{number or next_number(taken)}"
            if name in names:
                raise VersionExists(name)
            row = {
                "project_id": project_id,
                "name": name,
                "weights": str(file.relative_to(self.files.root)),
                "sha256": file.stem,
                **asdict(facts or VersionFacts()),
                "created_at": datetime.now(UTC),
            }
            connection.execute(versions.insert().values(row))
            move(connection, project_id, CANDIDATE, name, "registered", MoveKind.REGISTER)
        return self.get(project_id, name)

    def get(self, project_id: int, name: str) -> Version:
        """Return a version by its name, or by its number alone. Raises UnknownVersion."""
        known = {version.name: version for version in self.list(project_id)}
        full = name if "@" in name else f"{self.model_name}@{name}"
        if full not in known:
            raise UnknownVersion(name, list(known))
        return known[full]

    def list(self, project_id: int) -> list[Version]:
        """Return all versions of a project in the order of their numbers, 1.2.0 before 1.10.0."""
        query = sa.select(versions).where(versions.c.project_id == project_id)
        with self._engine.connect() as connection:
            rows = [self._read(row) for row in connection.execute(query)]
        return sorted(rows, key=lambda version: version_key(version.name))

    def list_newest(self, project_id: int) -> Sequence[Version]:
        """Return all versions of a project in the order of their registration, newest first."""
        query = sa.select(versions).where(versions.c.project_id == project_id)
        with self._engine.connect() as connection:
            rows = connection.execute(query.order_by(*newest_first(project_id)))
            return [self._read(row) for row in rows]

    def of_training(self, project_id: int, training_id: int) -> Version | None:
        """Return the version that a training made; None where it made none yet."""
        known = self.list(project_id)
        return next((version for version in known if version.facts.training.get("training") == training_id), None)

    def at(self, project_id: int, alias: str) -> Version | None:
        """Return the version that an alias points to, None where it points to none."""
        joined = versions.join(
            aliases,
            sa.and_(aliases.c.project_id == versions.c.project_id, aliases.c.version == versions.c.name),
        )
        query = sa.select(versions).select_from(joined)
        query = query.where(aliases.c.project_id == project_id, aliases.c.alias == alias)
        with self._engine.connect() as connection:
            row = connection.execute(query).one_or_none()
        return self._read(row) if row else None

    def champion(self, project_id: int) -> Version | None:
        """Return the version that serves, None where none does."""
        return self.at(project_id, CHAMPION)

    def promote(
        self, project_id: int, name: str, why: str, *, pin: bool = False, kind: MoveKind = MoveKind.PROMOTE
    ) -> Version:
        """
        Make a version the champion, and the former champion `previous`, in one transaction; *pin* the project to it.

        Raises UnknownVersion, MissingWeights, and Pinned where the project is pinned to another version.
        """
        version = self.get(project_id, name)
        with self._engine.begin() as connection:
            pinned = _lock(connection, project_id)
            old_weights.check(connection, project_id, version.name)
            if pin:
                _pin(connection, project_id, pinned, version.name, why)
            elif pinned not in (None, version.name):
                raise Pinned(project_id, pinned)
            serve(connection, project_id, version.name, why, kind)
        return version

    def roll_back(self, project_id: int, why: str, to: str | None = None) -> Version:
        """
        Make the previous version the champion, if it is *to* where that is given.

        Raises NoChampion where there is none, RegistryError where it is another one, and Pinned.
        """
        previous = self.at(project_id, PREVIOUS)
        if previous is None:
            raise NoChampion(f"project {project_id} has no version to go back to")
        if to not in (None, previous.name):
            raise RegistryError(f"nothing is changed: the version before the champion is {previous.name} now, not {to}")
        return self.promote(project_id, previous.name, why, kind=MoveKind.ROLL_BACK)

    def unpin(self, project_id: int, why: str) -> str | None:
        """Remove the pin: the gate decides again. Return the version that was pinned."""
        with self._engine.begin() as connection:
            pinned = _lock(connection, project_id)
            _pin(connection, project_id, pinned, None, why)
        return pinned

    def bring(self, version: Version) -> Path:
        """Return the weights of a version on this machine, brought from the store where need be. Raises StoreDown."""
        version.require_weights()
        return self.files.bring(version.weights, version.sha256)

    def verify(self, version: Version) -> None:
        """Check the weights of a version, as `Version.verify` does, after they were brought. Raises StoreDown too."""
        version.require_weights()
        self.files.verify(version.name, version.weights, version.sha256)

    def release_weights(self, project_id: int, keep: int) -> int:
        """Release the weights of old versions, see `old_weights.release`; return how many. `tidy` removes the files."""
        with self._engine.begin() as connection:
            _lock(connection, project_id)
            return old_weights.release(connection, project_id, keep, FIRST)

    def _read(self, row: sa.Row[Any]) -> Version:
        return Version(
            project_id=row.project_id,
            name=row.name,
            weights=self.files.root / row.weights,
            sha256=row.sha256,
            facts=VersionFacts(row.snapshot, row.parent, tuple(row.classes), row.thresholds, row.training, row.metrics),
            created_at=row.created_at,
            has_weights=row.weights != old_weights.REMOVED,
        )


def _update_project(project_id: int) -> sa.Update:
    return projects.update().where(projects.c.id == project_id)


def _pin(connection: sa.Connection, project_id: int, before: str | None, after: str | None, why: str) -> None:
    connection.execute(_update_project(project_id).values(pinned=after))
    record_change(connection, project_id, ChangeKind.PIN, before, after, why)


def _lock(connection: sa.Connection, project_id: int) -> str | None:
    """Lock this project's aliases until the transaction ends; return the version that the project is pinned to."""
    connection.execute(_update_project(project_id).values(id=projects.c.id))
    pinned: str | None = connection.scalar(sa.select(projects.c.pinned).where(projects.c.id == project_id))
    return pinned
