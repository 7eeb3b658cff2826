"""The rates of each shadow beside the champion's."""

from __future__ import annotations

from loop.parts import Parts
from loop.rates.rates import Rates
from loop.rates.shadow_comparison import side_by_side
from loop.rates.shadow_store import ShadowLog


def compare_shadows(parts: Parts, project_id: int) -> dict[str, Rates]:
    """
    How each shadow would have done beside the champion, on the tasks that both answered and somebody reviewed.

    Both are judged by overlap alone, and still not alike: the reviewer saw the champion's boxes and corrected those.
    """
    groups: dict[str, Rates] = {}
    for (shadow, champion), found in side_by_side(ShadowLog(parts.engine).tried(project_id)).items():
        tasks = f"on {found.tasks} tasks"
        groups |= {f"{champion} (served, {tasks})": found.champion, f"{shadow} (shadow, {tasks})": found.shadow}
    return groups
