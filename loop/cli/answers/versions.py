"""The list of versions of a project."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from rich.console import Console

from loop.cli.grid import Field, show_table
from loop.registry.store import Version


@dataclass(frozen=True, slots=True)
class ListedVersion:
    """One version of a project, as the list of versions shows it."""

    version: str
    aliases: tuple[str, ...]
    snapshot: str | None
    parent: str | None
    created_at: datetime
    has_weights: bool


def list_version(version: Version, marks: Mapping[str, str]) -> ListedVersion:
    """Return a version with its *marks*: names of versions by alias, pin and shadow."""
    named = tuple(mark for mark, name in marks.items() if name == version.name)
    facts = version.facts
    return ListedVersion(version.name, named, facts.snapshot, facts.parent, version.created_at, version.has_weights)


def show_versions(out: Console, listed: Sequence[ListedVersion]) -> None:
    """Print one row per version."""
    fields = (
        Field("version"),
        Field("aliases", folds=True),
        Field("snapshot", rank=3),
        Field("parent", rank=2),
        Field("created", rank=1),
    )
    show_table(out, fields, [_version_row(version) for version in listed])


def _version_row(listed: ListedVersion) -> tuple[str, ...]:
    return (
        listed.version,
        ", ".join(listed.aliases if listed.has_weights else [*listed.aliases, "no weights"]),
        (listed.snapshot or "")[:16],
        listed.parent or "",
        f"{listed.created_at:%Y-%m-%d %H:%M}",
    )
