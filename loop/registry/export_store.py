"""The export of each version in the records, or the reason why it has none; each is recorded once."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from loop.registry.old_weights import REMOVED
from loop.registry.store import Version
from loop.registry.weights_files import WeightsFiles
from loop.storage.exchange_tables import exports
from loop.storage.tables import versions


@dataclass(frozen=True, slots=True)
class Export:
    """
    The file that serves in place of the trained weights of a version on a CPU.

    Without a *file* the export was refused for the *reason*. *measured* has the mAP50-95 of the trained weights and of
    the export on the held-out split, where there was one.
    """

    runtime: str
    file: Path | None
    sha256: str | None
    reason: str = ""
    measured: Mapping[str, Any] = field(default_factory=dict)


class ExportStore:
    """The exports in the records. Their files stand beside the weights, and are named by their SHA-256."""

    def __init__(self, engine: sa.Engine, files: WeightsFiles) -> None:
        self._engine, self._files = engine, files

    def of(self, version: Version) -> Export | None:
        """Return the export of a version; None if none was made or refused yet."""
        query = sa.select(exports).where(exports.c.project_id == version.project_id, exports.c.version == version.name)
        with self._engine.connect() as connection:
            row = connection.execute(query).one_or_none()
        if row is None:
            return None
        file = self._files.root / row.file if row.file else None
        return Export(row.runtime, file, row.sha256, row.reason, row.measured)

    def verify(self, version: Version, export: Export) -> Path:
        """Return the file of an export on this machine. Raises MissingWeights, DamagedWeights, StoreDown."""
        assert export.file is not None
        assert export.sha256 is not None
        self._files.verify(version.name, export.file, export.sha256)
        return export.file

    def files(self, project_id: int) -> set[Path]:
        """Return the files of the exports of a project, for the versions that still have their weights."""
        is_version = sa.and_(versions.c.project_id == exports.c.project_id, versions.c.name == exports.c.version)
        query = sa.select(exports.c.file).join(versions, is_version)
        has_weights = versions.c.weights != REMOVED
        query = query.where(exports.c.project_id == project_id, exports.c.file.is_not(None), has_weights)
        with self._engine.connect() as connection:
            return {self._files.root / name for name in connection.scalars(query)}

    def add(self, version: Version, runtime: str, file: Path, measured: Mapping[str, Any]) -> Export:
        """Copy a *file* to its place, and record it as the export of a version; an export that is recorded stays."""
        stored = self._files.add(version.project_id, file, None)
        path, sha256 = str(stored.relative_to(self._files.root)), stored.stem
        return self._insert(version, runtime=runtime, file=path, sha256=sha256, reason="", measured=dict(measured))

    def refuse(self, version: Version, runtime: str, reason: str, measured: Mapping[str, Any] | None = None) -> Export:
        """Record why a version has no export: its trained weights serve."""
        return self._insert(version, runtime=runtime, reason=reason, measured=dict(measured or {}))

    def _insert(self, version: Version, **facts: Any) -> Export:
        key = {"project_id": version.project_id, "version": version.name}
        known = self.of(version)
        if known is None:
            with suppress(sa.exc.IntegrityError), self._engine.begin() as connection:  # another process was quicker
                connection.execute(exports.insert().values(**key, **facts, made_at=datetime.now(UTC)))
            known = self.of(version)
        assert known is not None
        return known
