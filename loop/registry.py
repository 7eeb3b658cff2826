"""Versions of a project's detector: written once, never changed; aliases move over them."""

from __future__ import annotations

import hashlib
import re
import shutil
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from loop.errors import NoChampion, UnknownVersion
from loop.tables import aliases, moves, versions

CHAMPION, PREVIOUS, CANDIDATE = "champion", "previous", "candidate"
FIRST = "0.0.0"  # the weights that a project starts from


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known of weights: where they come from, what they name, at which thresholds they serve."""

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
    facts: Facts
    created_at: datetime


class WeightsRegistry:
    """The registry: weights in folders under *root*, versions and aliases in the records."""

    def __init__(self, engine: sa.Engine, root: Path, model_name: str) -> None:
        self._engine, self._root, self.model_name = engine, root, model_name

    def add(self, project_id: int, weights: Path, facts: Facts | None = None, *, number: str | None = None) -> Version:
        """Copy *weights* in as the next version, or as *number*; the `candidate` alias moves to it."""
        number = number or self._next_number(project_id)
        folder = self._root / str(project_id) / number
        folder.mkdir(parents=True, exist_ok=True)
        shutil.copy(weights, folder / "weights.tmp")
        kept = (folder / "weights.tmp").rename(folder / "weights.pt")
        row = {
            "project_id": project_id,
            "name": f"{self.model_name}@{number}",
            "weights": str(kept.relative_to(self._root)),
            "sha256": hashlib.sha256(kept.read_bytes()).hexdigest(),
            **asdict(facts or Facts()),
            "created_at": datetime.now(UTC),
        }
        with self._engine.begin() as connection:
            connection.execute(versions.insert().values(row))
            _move(connection, project_id, CANDIDATE, str(row["name"]), "registered")
        return self.get(project_id, str(row["name"]))

    def get(self, project_id: int, name: str) -> Version:
        """Return a version by its name, or by its number alone. Raises UnknownVersion."""
        known = {version.name: version for version in self.list(project_id)}
        full = name if "@" in name else f"{self.model_name}@{name}"
        if full not in known:
            raise UnknownVersion(name, list(known))
        return known[full]

    def list(self, project_id: int) -> list[Version]:
        """All versions of a project, oldest first."""
        query = sa.select(versions).where(versions.c.project_id == project_id).order_by(versions.c.created_at)
        with self._engine.connect() as connection:
            return [self._read(row) for row in connection.execute(query)]

    def at(self, project_id: int, alias: str) -> Version | None:
        """The version that an alias points at, if any."""
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
        """The version that serves, if any."""
        return self.at(project_id, CHAMPION)

    def has_served(self, project_id: int, name: str) -> bool:
        """Whether a version was ever champion."""
        query = sa.select(moves.c.id).where(moves.c.project_id == project_id, moves.c.alias == CHAMPION)
        with self._engine.connect() as connection:
            return connection.execute(query.where(moves.c.version == name).limit(1)).first() is not None

    def promote(self, project_id: int, name: str, why: str) -> Version:
        """Let a version serve. The one that served becomes `previous`; both move together. Raises UnknownVersion."""
        version = self.get(project_id, name)
        with self._engine.begin() as connection:
            query = sa.select(aliases.c.version).where(aliases.c.project_id == project_id, aliases.c.alias == CHAMPION)
            served = connection.scalar(query)
            if served == version.name:
                return version
            if served:
                _move(connection, project_id, PREVIOUS, served, why)
            _move(connection, project_id, CHAMPION, version.name, why)
        return version

    def roll_back(self, project_id: int, why: str) -> Version:
        """Let the version serve that served before. Raises NoChampion where there is none."""
        previous = self.at(project_id, PREVIOUS)
        if previous is None:
            raise NoChampion(f"project {project_id} has no version to go back to")
        return self.promote(project_id, previous.name, why)

    def _next_number(self, project_id: int) -> str:
        """1.0.0 for the first training, then one minor version a training."""
        found = [re.search(r"@(\d+)\.(\d+)\.\d+$", version.name) for version in self.list(project_id)]
        numbers = [(int(match[1]), int(match[2])) for match in found if match]
        major, minor = max(numbers, default=(0, 0))
        return f"{major}.{minor + 1}.0" if major else "1.0.0"

    def _read(self, row: sa.Row[Any]) -> Version:
        return Version(
            project_id=row.project_id,
            name=row.name,
            weights=self._root / row.weights,
            sha256=row.sha256,
            facts=Facts(row.snapshot, row.parent, tuple(row.classes), row.thresholds, row.training, row.metrics),
            created_at=row.created_at,
        )


def _move(connection: sa.Connection, project_id: int, alias: str, version: str, why: str) -> None:
    is_alias = sa.and_(aliases.c.project_id == project_id, aliases.c.alias == alias)
    connection.execute(aliases.delete().where(is_alias))
    row = {"project_id": project_id, "alias": alias, "version": version}
    connection.execute(aliases.insert().values(row))
    connection.execute(moves.insert().values(**row, why=why, moved_at=datetime.now(UTC)))
