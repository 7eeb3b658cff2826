"""Reads the predictions of shadows on reviewed tasks, with the predictions that were served for them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import sqlalchemy as sa

from loop.label_studio.classes import Synonyms, name_classes
from loop.label_studio.projects import ClassStore
from loop.rates.shadow_comparison import ShadowAnswer
from loop.regions import Region, read_regions
from loop.serving.store import KNOWN
from loop.storage.tables import predictions, verdicts
from loop.vision.addresses import identify


class ShadowStore:
    """Predictions and verdicts, read side by side."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine, self._classes = engine, ClassStore(engine)

    def read_answers(self, project_id: int) -> list[ShadowAnswer]:
        """
        Return each reviewed task that a version answered as a shadow, once for each such version.

        Every region of a task is in exactly one verdict on the version that served. The verdicts therefore give its
        predicted and its reviewed regions. A task without a verdict is left out: it is not reviewed, or it has neither
        predictions nor objects. So is one that was reviewed after its shadow began to serve, and one that had a known
        answer when it was predicted. Labels are the current names of their classes.
        """
        rows: dict[int, list[sa.Row[Any]]] = {}
        with self._engine.connect() as connection:
            for row in connection.execute(_select_verdicts(project_id)):
                rows.setdefault(row.task_id, []).append(row)
            newest = {
                (row.task_id, row.version): row
                for row in connection.execute(_select_predictions(project_id, is_shadow=True))
            }
            served = {row.task_id: row for row in connection.execute(_select_predictions(project_id, is_shadow=False))}
        answers, synonyms = [], self._classes.synonyms(project_id)
        for (task_id, version), row in newest.items():
            if task_id in rows and task_id in served and identify(row.image) == identify(served[task_id].image):
                served_verdicts = [verdict for verdict in rows[task_id] if not verdict.is_shadow]
                shown = served_verdicts[0] if served_verdicts else served[task_id]
                if shown.version == version or KNOWN in (shown.stream, row.stream):
                    continue
                answers.append(
                    ShadowAnswer(
                        shadow=version,
                        champion=shown.version,
                        by_shadow=name_classes(read_regions(row.regions), synonyms),
                        by_champion=_regions((verdict.predicted for verdict in served_verdicts), synonyms),
                        reviewed=_regions((verdict.reviewed for verdict in served_verdicts), synonyms),
                    )
                )
        return answers


def _select_predictions(project_id: int, *, is_shadow: bool) -> sa.Select[Any]:
    columns = [predictions.c[name] for name in ("task_id", "version", "stream", "image", "regions")]
    conditions = (predictions.c.is_shadow == is_shadow, predictions.c.task_id.in_(_select_shadowed_tasks(project_id)))
    return sa.select(*columns).where(predictions.c.project_id == project_id, *conditions).order_by(predictions.c.id)


def _select_verdicts(project_id: int) -> sa.Select[Any]:
    columns = [verdicts.c[name] for name in ("task_id", "version", "stream", "is_shadow", "predicted", "reviewed")]
    conditions = (verdicts.c.project_id == project_id, verdicts.c.task_id.in_(_select_shadowed_tasks(project_id)))
    return sa.select(*columns).where(*conditions).order_by(verdicts.c.id)


def _select_shadowed_tasks(project_id: int) -> sa.Select[Any]:
    return sa.select(predictions.c.task_id).where(predictions.c.project_id == project_id, predictions.c.is_shadow)


def _regions(contents: Iterable[dict[str, Any] | None], synonyms: Synonyms) -> tuple[Region, ...]:
    return name_classes(read_regions(content for content in contents if content), synonyms)
