"""Reads the data of rates from the records: verdicts with cohorts, predictions by version, posted alerts."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from itertools import groupby
from typing import Any

import sqlalchemy as sa

from loop.label_studio.projects import ClassStore
from loop.notices import NoticeKind
from loop.rates.alerts import Alert, read_alert
from loop.rates.audit import PredictedTask
from loop.rates.confusion import ConfusedPair
from loop.rates.doubles import JudgedDouble, read_doubles
from loop.rates.over_time import DayCount
from loop.rates.rates import DETECTOR, NO_VALUE, REFERENCES, Grouping, RatedVerdict, Rates, name_cohort, rate_groups
from loop.rates.review_times import SecondsPolicy
from loop.rates.review_work import ReviewWork
from loop.regions import read_regions
from loop.reviews.verdicts import Decision
from loop.serving.log_search import is_gone
from loop.serving.queue_order import Ranking
from loop.serving.store import AUDIT, KNOWN
from loop.storage.exchange_tables import notices
from loop.storage.installation_store import InstallationStore
from loop.storage.tables import predictions, reviews, verdicts


class RateStore:
    """Reads verdicts, predictions and notices from the records."""

    def __init__(self, engine: sa.Engine, ranking: Ranking) -> None:
        self._engine, self._facts, self._ranking = engine, InstallationStore(engine), ranking
        self._classes = ClassStore(engine)

    def read_verdicts(self, project_id: int, *, field: str = "", since: datetime | None = None) -> list[RatedVerdict]:
        """
        Return every verdict of a project in the order they were given, without verdicts on shadows.

        *field* of the tasks' data names their cohorts. *since* drops earlier reviews.
        """
        columns = [verdicts.c[name] for name in _COLUMNS]
        query = sa.select(*columns).where(*is_rated(project_id, since))
        cohorts, names = self.read_cohorts(project_id, field) if field else {}, self._classes.current_names(project_id)
        with self._engine.connect() as connection:
            rows = connection.execute(query.order_by(verdicts.c.id))
            return [_read_verdict(row, cohorts.get(row.task_id, NO_VALUE), names) for row in rows]

    def count_by_version(self, project_id: int) -> dict[str, Rates]:
        """The four verdicts counted by version, in the order the versions were first reviewed."""
        return rate_groups(self.read_verdicts(project_id), Grouping.VERSION)

    def count_version(self, project_id: int, version: str) -> Rates:
        """The four verdicts on one version, counted by the database."""
        columns = verdicts.c
        relabelled = sa.func.sum(sa.case((columns.is_relabelled, 1), else_=0))
        query = sa.select(columns.decision, sa.func.count(), relabelled).group_by(columns.decision)
        query = query.where(*is_rated(project_id), columns.version == version)
        with self._engine.connect() as connection:
            rows = connection.execute(query).all()
        counts = {Decision(decision).value: count for decision, count, _ in rows}
        return Rates(**counts, relabelled=sum(number for _, _, number in rows))

    def count_by_day(
        self, project_id: int, by: Grouping, *, field: str = "", since: datetime | None = None
    ) -> list[DayCount]:
        """Count verdicts by group, day and decision, without verdicts on shadows; by week the group is NO_VALUE."""
        names, decided = self._classes.current_names(project_id), (verdicts.c.decision, verdicts.c.is_relabelled)
        group = find_group(by, names).label("rated_group")
        reviewed_day = sa.func.date(verdicts.c.reviewed_at, type_=sa.Date).label("reviewed_day")
        query = sa.select(group, reviewed_day, *decided, sa.func.count()).where(*is_rated(project_id, since))
        query = query.group_by("rated_group", "reviewed_day", *decided)
        with self._engine.connect() as connection:
            rows = connection.execute(query).all()
        cohorts = self.read_cohorts(project_id, field) if by == Grouping.COHORT else None
        return [
            DayCount(
                group=str(NO_VALUE if name is None else name) if cohorts is None else cohorts.get(name, NO_VALUE),
                day=day,
                decision=Decision(decision),
                is_relabelled=is_relabelled,
                verdicts=number,
            )
            for name, day, decision, is_relabelled, number in rows
        ]

    def count_pairs(self, project_id: int, version: str | None, since: datetime | None = None) -> list[ConfusedPair]:
        """Count boxes by predicted and reviewed label, without verdicts on shadows."""
        names = self._classes.current_names(project_id)
        pair = (_name(_PREDICTED, names).label("label_before"), _name(_REVIEWED, names).label("label_after"))
        query = sa.select(*pair, sa.func.count()).where(*is_rated(project_id, since))
        if version is not None:
            query = query.where(verdicts.c.version == version)
        with self._engine.connect() as connection:
            return [ConfusedPair(*row) for row in connection.execute(query.group_by("label_before", "label_after"))]

    def read_doubles(self, project_id: int, since: datetime | None = None) -> list[JudgedDouble]:
        """Return the doubles with another label than the shown box, of every judged prediction that was shown."""
        columns = (predictions.c.id, predictions.c.version, predictions.c.regions, predictions.c.candidates)
        has_doubles = sa.cast(predictions.c.candidates, sa.Text).contains('"double_of"')
        query = sa.select(*columns, verdicts.c.reviewed).join(verdicts, verdicts.c.prediction_id == predictions.c.id)
        query = query.where(*is_rated(project_id, since), has_doubles)
        with self._engine.connect() as connection:
            rows = connection.execute(query.order_by(verdicts.c.id)).all()
        by_prediction, synonyms = groupby(rows, key=lambda row: row.id), self._classes.synonyms(project_id)
        return [double for _, group in by_prediction for double in read_doubles([*group], synonyms)]

    def read_works(self, project_id: int, since: datetime | None = None) -> dict[str, list[ReviewWork]]:
        """
        Return the work of each timed review by version, oldest first, without those open for too long.

        Reviews without verdicts are left out: nothing was predicted, or nothing was there.
        """
        columns = verdicts.c
        counted = {
            "left": columns.decision == Decision.CONFIRMED.value,
            "moved": columns.is_moved,
            "relabelled": columns.is_relabelled,
            "drawn": columns.decision == Decision.MISSED.value,
            "deleted": columns.decision == Decision.FALSE_POSITIVE.value,
            "corrected": columns.decision == Decision.CORRECTED.value,
        }
        counts = [sa.func.sum(sa.case((condition, 1), else_=0)).label(name) for name, condition in counted.items()]
        is_timed = (columns.lead_time > 0, columns.lead_time <= SecondsPolicy().longest)
        query = sa.select(columns.version, columns.lead_time, *counts)
        query = query.where(*is_rated(project_id, since), *is_timed)
        query = query.group_by(columns.task_id, columns.version, columns.lead_time)
        works: dict[str, list[ReviewWork]] = {}
        with self._engine.connect() as connection:
            for row in connection.execute(query.order_by(sa.func.max(columns.reviewed_at))):
                suggested = row.left + row.corrected
                numbers = (1, row.left, row.moved, row.relabelled, row.drawn, row.deleted)
                work = ReviewWork(row.lead_time, numbers, suggested, is_shown=bool(suggested + row.deleted))
                works.setdefault(row.version, []).append(work)
        return works

    def read_saved(self, project_id: int) -> tuple[str, str]:
        """Return the line on what suggestions saved, empty without one, and what it was measured on."""
        fact = self._facts.get(f"saved {project_id}") or {}
        return str(fact.get("line", "")), str(fact.get("measured_on", ""))

    def write_saved(self, project_id: int, line: str, measured_on: str) -> None:
        """Record the line on what suggestions saved."""
        self._facts.replace(f"saved {project_id}", {"line": line, "measured_on": measured_on})

    def read_cohorts(self, project_id: int, field: str) -> dict[int, str]:
        """The cohort of every reviewed task, by its newest data."""
        query = sa.select(reviews.c.task_id, reviews.c.data).where(reviews.c.project_id == project_id)
        with self._engine.connect() as connection:
            rows = connection.execute(query.order_by(reviews.c.recorded_at))
            return {row.task_id: name_cohort(row.data, field) for row in rows}

    def read_predicted_tasks(self, project_id: int) -> dict[str, dict[int, PredictedTask]]:
        """The predictions of each version by task, versions in the order they first served, without shadows."""
        columns = [predictions.c[name] for name in ("task_id", "version", "score", "stream")]
        query = sa.select(*columns).where(*(conditions := _is_shown(project_id)), predictions.c.stream != AUDIT)
        audited = sa.select(*columns, *(predictions.c[name] for name in ("regions", "candidates", "threshold")))
        by_version: dict[str, dict[int, PredictedTask]] = {}
        with self._engine.connect() as connection:
            first = sa.select(predictions.c.version).where(*conditions).group_by(predictions.c.version)
            by_version |= {version: {} for version in connection.scalars(first.order_by(sa.func.min(predictions.c.id)))}
            for row in connection.execute(query.order_by(predictions.c.id)):
                by_version[row.version][row.task_id] = PredictedTask(row.task_id, row.score, is_audit=False)
            audited = audited.where(*conditions, predictions.c.stream == AUDIT).order_by(predictions.c.id)
            for row in connection.execute(audited):
                score = self._compute_own_score(project_id, row)
                by_version[row.version][row.task_id] = PredictedTask(row.task_id, score, is_audit=True)
        return by_version

    def _compute_own_score(self, project_id: int, row: sa.Row[Any]) -> float:
        """Return the score that an audited task would have in the queue."""
        regions = read_regions((*row.regions, *row.candidates))
        return self._ranking.score(project_id, row.task_id, row.version, regions, row.threshold)

    def read_newest_versions(self, project_id: int, task_ids: Iterable[int]) -> dict[int, tuple[str, str]]:
        """The version that last predicted each task, and its stream; tasks never predicted are absent."""
        wanted = set(task_ids)
        columns = [predictions.c[name] for name in ("task_id", "version", "stream")]
        query = sa.select(*columns).where(*_is_shown(project_id))
        with self._engine.connect() as connection:
            rows = connection.execute(query.order_by(predictions.c.id)) if wanted else ()
            return {row.task_id: (row.version, row.stream) for row in rows if row.task_id in wanted}

    def read_alerts(self, project_id: int, most: int | None = None) -> list[Alert]:
        """Return the alerts that were posted, newest first."""
        query = sa.select(notices.c.body).where(
            notices.c.project_id == project_id, notices.c.kind == NoticeKind.RATES_ALERT
        )
        query = query.order_by(notices.c.created_at.desc()).limit(most)
        with self._engine.connect() as connection:
            return [read_alert(body) for body in connection.scalars(query)]


_COLUMNS = (
    *("task_id", "version", "stream", "decision", "is_relabelled", "predicted", "reviewed", "annotator"),
    "reviewed_at",
)
_PREDICTED, _REVIEWED = (verdicts.c[name]["label"].as_string() for name in ("predicted", "reviewed"))


def _is_shown(project_id: int) -> tuple[sa.ColumnElement[bool], ...]:
    """The prediction was shown for a review that may count, of a task that was not deleted since."""
    return predictions.c.project_id == project_id, ~predictions.c.is_shadow, predictions.c.stream != KNOWN, ~is_gone()


def is_rated(project_id: int, since: datetime | None = None) -> list[sa.ColumnElement[bool]]:
    """The verdict is in the rates of a project: it is not on a shadow, nor on a task shown again."""
    conditions = [verdicts.c.project_id == project_id, ~verdicts.c.is_shadow, verdicts.c.stream != KNOWN]
    return conditions if since is None else [*conditions, verdicts.c.reviewed_at >= since]


def _name(label: sa.ColumnElement[str], names: Mapping[str, str]) -> sa.ColumnElement[str]:
    """The current name of the class of a label."""
    return sa.case(names, value=label, else_=label) if names else label


def find_group(by: Grouping, names: Mapping[str, str]) -> sa.ColumnElement[Any]:
    """The column of the groups; of cohorts that of the tasks."""
    columns = verdicts.c
    is_by_references = columns.predicted["source"].as_string().is_not(None)
    computed: dict[Grouping, sa.ColumnElement[Any]] = {
        Grouping.LABEL: _name(sa.func.coalesce(_PREDICTED, _REVIEWED), names),
        Grouping.SOURCE: sa.case((_PREDICTED.is_(None), None), (is_by_references, REFERENCES), else_=DETECTOR),
        Grouping.COHORT: columns.task_id,
        Grouping.WEEK: sa.null(),
    }
    return computed[by] if by in computed else columns[by.value]


def _read_verdict(row: sa.Row[Any], cohort: str, names: Mapping[str, str]) -> RatedVerdict:
    predicted, reviewed = row.predicted or {}, row.reviewed or {}
    label = predicted.get("label") or reviewed.get("label", "")
    return RatedVerdict(
        decision=Decision(row.decision),
        version=row.version,
        label=names.get(label, label),
        stream=row.stream,
        week=f"{row.reviewed_at:%G-W%V}",
        is_relabelled=row.is_relabelled,
        task_id=row.task_id,
        cohort=cohort,
        annotator=NO_VALUE if row.annotator is None else str(row.annotator),
        confidence=predicted.get("score"),
        reviewed_at=row.reviewed_at,
        source=(REFERENCES if predicted.get("source") else DETECTOR) if predicted else NO_VALUE,
    )
