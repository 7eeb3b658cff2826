"""More jobs beside a long refresh, as many as workers can be spared, and no more while another project waits."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from loop.serving.refresh import KIND, name_work, refresh, share
from loop.serving.room import ServingRoom

WORTH = 1000  # tasks that must be left, so that another job saves more than it costs to load the version


def refresh_in_turn(serving: ServingRoom, project_id: int) -> str:
    """Refresh a project, unless that would take the last worker from the short jobs: the sweep asks again."""
    with serving.registry.queue.leave_a_worker(KIND, str(project_id)) as has_place:
        return refresh(serving, project_id) if has_place else "waits for a free worker"


def share_in_turn(serving: ServingRoom, project_id: int) -> str:
    """Take a share of a refresh, unless another project waits for the worker."""
    with serving.registry.queue.leave_a_worker(KIND) as has_place:
        return share(serving, project_id) if has_place else "no worker is free"


def ask_shares(serving: ServingRoom, due: Sequence[int]) -> list[int]:
    """Ask for jobs beside the long refreshes among the projects that are *due*; return the project of each job."""
    queue = serving.registry.queue
    progress = queue.read_progress() if due else {}
    left = {each: note.left for each in due if (note := progress.get(name_work(each)))}
    if not left:
        return []
    places, asked = queue.count_places(KIND), list[int]()
    for project_id, count in Counter(deal(due, left, places.free)).items():
        numbers = (number for number in range(places.all) if queue.ask_refresh_share(project_id, number))
        asked += [project_id for _ in zip(range(count), numbers, strict=False)]
    return asked


def deal(due: Sequence[int], left: Mapping[int, int], free: int) -> list[int]:
    """
    Return a project for each job to be added, where so many places are *free*.

    *left* says how many tasks wait where a refresh runs; a refresh that does not run yet needs a place for itself.
    """
    long = [project_id for project_id in due if left.get(project_id, 0) >= WORTH]
    free -= len([project_id for project_id in due if project_id not in left])
    return [long[number % len(long)] for number in range(free)] if long else []
