"""The exported form of each version, beside its weights: written once, or refused with the reason."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from loop.registry.store import Version
from loop.registry.weights_files import WeightsFiles
from loop.storage.exchange_tables import variants
from loop.storage.tables import versions


@dataclass(frozen=True, slots=True)
class Variant:
    """
    The form in which a version serves on a CPU; without a *file* it was refused for the *reason*.

    *measured* has the mAP50-95 of the trained weights and of this form on the held-out split, where there was one.
    """

    runtime: str
    file: Path | None
    sha256: str | None
    reason: str = ""
    measured: Mapping[str, Any] = field(default_factory=dict)


class VariantStore:
    """The variants in the records; their files stand beside the weights, named by their SHA-256."""

    def __init__(self, engine: sa.Engine, files: WeightsFiles) -> None:
        self._engine, self._files = engine, files

    def of(self, version: Version) -> Variant | None:
        """Return the variant of a version; None where none was made or refused yet."""
        query = sa.select(variants).where(
            variants.c.project_id == version.project_id, variants.c.version == version.name
        )
        with self._engine.connect() as connection:
            row = connection.execute(query).one_or_none()
        if row is None:
            return None
        file = self._files.root / row.file if row.file else None
        return Variant(row.runtime, file, row.sha256, row.reason, row.measured)

    def verify(self, version: Version, variant: Variant) -> Path:
        """Return the file of a variant on this machine. Raises MissingWeights, DamagedWeights, StoreDown."""
        assert variant.file is not None
        assert variant.sha256 is not None
        self._files.verify(version.name, variant.file, variant.sha256)
        return variant.file

    def files(self, project_id: int) -> set[Path]:
        """Return the exported files of all versions of a project that have their weights."""
        is_version = sa.and_(versions.c.project_id == variants.c.project_id, versions.c.name == variants.c.version)
        query = sa.select(variants.c.file).join(versions, is_version)
        query = query.where(variants.c.project_id == project_id, variants.c.file.is_not(None), versions.c.weights != "")
        with self._engine.connect() as connection:
            return {self._files.root / name for name in connection.scalars(query)}

    def add(self, version: Version, runtime: str, file: Path, measured: Mapping[str, Any]) -> Variant:
        """Copy an exported *file* in as the variant of a version; the first one stays."""
        stored = self._files.add(version.project_id, file, None)
        path, sha256 = str(stored.relative_to(self._files.root)), stored.stem
        return self._insert(version, runtime=runtime, file=path, sha256=sha256, reason="", measured=dict(measured))

    def refuse(self, version: Version, runtime: str, reason: str, measured: Mapping[str, Any] | None = None) -> Variant:
        """Note why a version has no variant: its trained weights serve."""
        return self._insert(version, runtime=runtime, reason=reason, measured=dict(measured or {}))

    def _insert(self, version: Version, **facts: Any) -> Variant:
        key = {"project_id": version.project_id, "version": version.name}
        known = self.of(version)
        if known is None:
            with suppress(sa.exc.IntegrityError), self._engine.begin() as connection:  # another process was quicker
                connection.execute(variants.insert().values(**key, **facts, made_at=datetime.now(UTC)))
            known = self.of(version)
        assert known is not None
        return known
