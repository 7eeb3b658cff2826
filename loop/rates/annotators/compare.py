"""Compares the annotators of a project with each other, and with known answers."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime

from loop.label_studio.classes import name_classes
from loop.label_studio.payloads import Review
from loop.rates.annotators.agreement import AnnotatorFigures, TaskAgreement, compare_annotators, compare_tasks
from loop.rates.room import RatesRoom

TITLE = "Disagreements"  # of the view in Label Studio


def compare_by_annotator(
    rates: RatesRoom, project_id: int, since: datetime | None = None
) -> dict[str, AnnotatorFigures]:
    """Return the annotators beside each other and beside known answers, by name; see `compare_annotators`."""
    figures = compare_annotators(_read_shared(rates, project_id), since)
    return {str(annotator): each for annotator, each in figures.items()}


def list_agreements(rates: RatesRoom, project_id: int, since: datetime | None = None) -> list[TaskAgreement]:
    """Return the agreement on each task with several annotators, the least first. Raises UnknownProject."""
    rates.studio.projects.get(project_id)
    return compare_tasks(_read_shared(rates, project_id), since)


def _read_shared(rates: RatesRoom, project_id: int) -> list[Review]:
    """Read the reviews of tasks that have several, with the current names of classes."""
    synonyms = rates.studio.classes.synonyms(project_id)
    shared = rates.reviews.facts.read_shared(project_id)
    return [replace(review, regions=name_classes(review.regions, synonyms)) for review in shared]


def list_disagreements(shared: Iterable[TaskAgreement], *, is_any: bool = False) -> list[TaskAgreement]:
    """Return the tasks on which annotators disagree and that have no known answer; *is_any*: those with one too."""
    return [task for task in shared if task.share < 1 and (is_any or not task.is_known)]
