"""The values that a shell completes, read from the records and the logs without all that a command needs."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from urllib.parse import quote

import typer

from loop.printable import as_line
from loop.storage.home_folder import find_home

Choice = tuple[str, str]  # a value, and what it is
PATIENCE = 1.0  # seconds that a locked file is waited for
PROJECTS = "SELECT id, title FROM projects ORDER BY id"
VERSIONS = "SELECT name, created_at FROM versions WHERE project_id = ? ORDER BY created_at DESC"
CLUSTERS = "SELECT id, state FROM clusters WHERE project_id = ?"
TRAININGS = "SELECT id, state FROM trainings ORDER BY id DESC LIMIT 50"


def complete_projects(incomplete: str) -> list[Choice]:
    """Return the ids of connected projects, with their titles."""
    return _begin_with(incomplete, _read(PROJECTS))


def complete_versions(context: typer.Context, incomplete: str) -> list[Choice]:
    """Return the versions of the project, by number unless a name is begun: a bash breaks words at an @."""
    versions = _of_project(context, VERSIONS)
    if not incomplete or incomplete[0].isdigit():
        versions = [(name.rpartition("@")[2], text) for name, text in versions]
    return _begin_with(incomplete, versions)


def complete_clusters(context: typer.Context, incomplete: str) -> list[Choice]:
    """Return the ids of the clusters of the project."""
    return _begin_with(incomplete, _of_project(context, CLUSTERS))


def complete_trainings(incomplete: str) -> list[Choice]:
    """Return the ids of the last trainings."""
    return _begin_with(incomplete, _read(TRAININGS))


def complete_parts(incomplete: str) -> list[Choice]:
    """Return the parts that have a log."""
    return _begin_with(incomplete, [(log.stem, "") for log in sorted((find_home() / "logs").glob("*.log"))])


def _of_project(context: typer.Context, query: str) -> list[Choice]:
    """Read what a project has; of the only project, where none is named yet."""
    projects = [context.params["project"]] if context.params.get("project") else [name for name, _ in _read(PROJECTS)]
    return _read(query, int(projects[0])) if len(projects) == 1 else []


def _begin_with(incomplete: str, choices: Sequence[Choice]) -> list[Choice]:
    return [(value, as_line(text, 60)) for value, text in choices if value.startswith(incomplete)]


def _read(query: str, *values: int) -> list[Choice]:
    """Return the rows of a query; none where the records cannot be read, as a shell shows no error."""
    try:
        if address := os.environ.get("LOOP_DATABASE_URL", "").strip():
            return _read_elsewhere(address, query, *values)
        file = f"file:{quote(str(find_home() / Path('loop.sqlite3')))}?mode=ro"
        with closing(sqlite3.connect(file, timeout=PATIENCE, uri=True)) as records:
            return [(str(value), str(text or "")) for value, text in records.execute(query, values)]
    except Exception:  # noqa: BLE001 (of any database and driver)
        return []


def _read_elsewhere(address: str, query: str, *values: int) -> list[Choice]:
    import sqlalchemy as sa

    from loop.storage.database import connect

    names = {f"value{number}": value for number, value in enumerate(values)}
    for name in names:
        query = query.replace("?", f":{name}", 1)
    with connect(address).connect() as records:
        return [(str(value), str(text or "")) for value, text in records.execute(sa.text(query), names)]
