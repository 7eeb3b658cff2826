"""Compares the annotators of a project with each other, and with known answers."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from loop.rates.annotators.agreement import AnnotatorFigures, TaskAgreement, compare_annotators, compare_tasks
from loop.rates.room import RatesRoom

TITLE = "Disagreements"  # of the view in Label Studio


def compare_by_annotator(
    rates: RatesRoom, project_id: int, since: datetime | None = None
) -> dict[str, AnnotatorFigures]:
    """Return the annotators beside each other and beside known answers, by name; see `compare_annotators`."""
    figures = compare_annotators(rates.reviews.facts.read_shared(project_id), since)
    return {str(annotator): each for annotator, each in figures.items()}


def list_agreements(rates: RatesRoom, project_id: int, since: datetime | None = None) -> list[TaskAgreement]:
    """Return the agreement on each task with several annotators, the least first. Raises UnknownProject."""
    rates.studio.projects.get(project_id)
    return compare_tasks(rates.reviews.facts.read_shared(project_id), since)


def list_disagreements(shared: Iterable[TaskAgreement], *, is_any: bool = False) -> list[TaskAgreement]:
    """Return the tasks on which annotators disagree and that have no known answer; *is_any*: those with one too."""
    return [task for task in shared if task.share < 1 and (is_any or not task.is_known)]
