"""What shadows predicted on the tasks that were reviewed, with what served there; read from the records."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import sqlalchemy as sa

from loop import region_json
from loop.rates.shadow_comparison import Tried
from loop.regions import Region
from loop.storage.tables import predictions, verdicts


class ShadowLog:
    """Predictions and verdicts, read side by side."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    def tried(self, project_id: int) -> list[Tried]:
        """
        Every reviewed task on which a version answered as a shadow, once for each such version.

        Every region of a task is in exactly one verdict on what served, so those give back what was predicted and what
        was left. A task with no verdict at all is left out: either it is not reviewed, or there was nothing and nobody
        found anything.
        """
        rows: dict[int, list[sa.Row[Any]]] = {}
        with self._engine.connect() as connection:
            for row in connection.execute(_verdicts(project_id)):
                rows.setdefault(row.task_id, []).append(row)
            newest = {(row.task_id, row.version): row for row in connection.execute(_said(project_id, is_shadow=True))}
            served = {row.task_id: row for row in connection.execute(_said(project_id, is_shadow=False))}
        found = []
        for (task_id, version), row in newest.items():
            if task_id in rows and task_id in served and row.image == served[task_id].image:
                ours = [one for one in rows[task_id] if not one.is_shadow]
                found.append(
                    Tried(
                        shadow=version,
                        champion=ours[0].version if ours else served[task_id].version,
                        by_shadow=region_json.read_all(row.regions),
                        by_champion=_regions(one.predicted for one in ours),
                        reviewed=_regions(one.reviewed for one in ours),
                    )
                )
        return found


def _said(project_id: int, *, is_shadow: bool) -> sa.Select[Any]:
    columns = (predictions.c.task_id, predictions.c.version, predictions.c.image, predictions.c.regions)
    is_it = (predictions.c.is_shadow == is_shadow, predictions.c.task_id.in_(_tried(project_id)))
    return sa.select(*columns).where(predictions.c.project_id == project_id, *is_it).order_by(predictions.c.id)


def _verdicts(project_id: int) -> sa.Select[Any]:
    columns = (verdicts.c.task_id, verdicts.c.version, verdicts.c.is_shadow, verdicts.c.predicted, verdicts.c.reviewed)
    is_it = (verdicts.c.project_id == project_id, verdicts.c.task_id.in_(_tried(project_id)))
    return sa.select(*columns).where(*is_it).order_by(verdicts.c.id)


def _tried(project_id: int) -> sa.Select[Any]:
    return sa.select(predictions.c.task_id).where(predictions.c.project_id == project_id, predictions.c.is_shadow)


def _regions(kept: Iterable[dict[str, Any] | None]) -> tuple[Region, ...]:
    return region_json.read_all(one for one in kept if one)
