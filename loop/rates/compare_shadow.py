"""Compares the rates of each shadow with the champion's."""

from __future__ import annotations

from loop.rates.rates import Rates
from loop.rates.room import RatesRoom
from loop.rates.shadow_comparison import compare_side_by_side


def compare_shadows(rates: RatesRoom, project_id: int) -> dict[str, Rates]:
    """
    The rates of each shadow and its champion, on the reviewed tasks that both answered.

    A champion has its own beside each of its shadows. Both are judged by overlap alone. The champion
    keeps an advantage, because the reviewer saw and corrected its boxes.
    """
    groups: dict[str, Rates] = {}
    for (shadow, champion), comparison in compare_side_by_side(rates.shadows.read_answers(project_id)).items():
        tasks = f"on {comparison.tasks} tasks"
        served, shadowed = f"{champion} (served, {tasks})", f"{shadow} (shadow, {tasks})"
        if {served, shadowed} & groups.keys():  # a version with several others beside it
            served = f"{champion} (served beside {shadow}, {tasks})"
            shadowed = f"{shadow} (shadow of {champion}, {tasks})"
        groups |= {served: comparison.champion, shadowed: comparison.shadow}
    return groups
