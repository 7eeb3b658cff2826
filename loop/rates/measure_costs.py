"""Measures from the records what boxes cost annotators, by version and verdict, and what suggestions saved."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from loop.rates.review_work import ReviewWork
from loop.rates.room import RatesRoom
from loop.rates.verdict_costs import CostPolicy, VersionCosts, measure_costs
from loop.registry.version_order import version_key

Works = Mapping[str, Sequence[ReviewWork]]  # by version, oldest first


def measure_costs_by_version(
    rates: RatesRoom, project_id: int, since: datetime | None = None
) -> dict[str, VersionCosts]:
    """Return the costs of each version that showed boxes on reviewed tasks. Raises UnknownProject."""
    rates.studio.projects.get(project_id)
    works = rates.store.read_works(project_id, since)
    return {name: _measure(works, name) for name in _list_shown(works)}


def note_saved(rates: RatesRoom, project_id: int) -> None:
    """Record, for `loop status`, what the newest version saved of which it is known, if reviews came since."""
    works = rates.store.read_works(project_id)
    seconds = [review.seconds for reviews in works.values() for review in reviews]
    measured_on = f"{len(seconds)} reviews of {sum(seconds):.1f} s"
    if rates.store.read_saved(project_id)[1] == measured_on:
        return
    measured = ((name, _measure(works, name)) for name in reversed(_list_shown(works)))
    line = next((f"{name}: {costs.describe_saved()}" for name, costs in measured if costs.saved), "")
    rates.store.write_saved(project_id, line, measured_on)


def _list_shown(works: Works) -> list[str]:
    shown = (name for name, reviews in works.items() if any(review.is_shown for review in reviews))
    return sorted(shown, key=version_key)


def _measure(works: Works, version: str) -> VersionCosts:
    others = (work for name, reviews in works.items() if name != version for work in reviews)
    return measure_costs(works[version], [work for work in others if not work.is_shown], CostPolicy())
