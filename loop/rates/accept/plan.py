"""Plans which open tasks of a project are accepted: from the audit's verdicts on the version that serves."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from loop.errors import NoChampion
from loop.rates.accept.bound import choose, count_needed, expect_right
from loop.rates.accept.evidence import AuditedImage, Limit, SureImage
from loop.rates.room import RatesRoom
from loop.reviews.accepted.store import AcceptedTask
from loop.serving.store import AUDIT, LoggedPrediction

LEAST_ERROR, MOST_ERROR = 0.001, 0.5  # shares of wrong boxes that a plan may allow


@dataclass(frozen=True, slots=True)
class AcceptPlan:
    """
    The open tasks that can be accepted so that at most *error* of their boxes are wrong, with 95% confidence.

    The share is that of them and of the *accepted_before* within the same limit, together. *audited* tasks within the
    limit bear this out: *wrong* of their *judged* boxes were. *open* tasks were predicted by the *version*,
    *open_audits* of them are in the audit. Without tasks, *needed* is the number of audited tasks that would be enough,
    where *all_audited* are reviewed; None if no number is: too many boxes are wrong, or, with *too_few*, so few tasks
    are open that no number would be enough even if all boxes were right.
    """

    project: int
    version: str
    error: float
    tasks: tuple[AcceptedTask, ...]
    boxes: int
    accepted_before: int
    audited: int
    wrong: int
    judged: int
    open: int
    open_audits: int
    all_audited: int
    needed: int | None
    too_few: bool
    token: str


@dataclass(frozen=True, slots=True)
class _Sample:
    """The audited tasks, and all other tasks that were or can be accepted, by task."""

    audited: Mapping[int, AuditedImage]
    open: Mapping[int, SureImage]
    accepted: Mapping[int, SureImage]


def plan_acceptance(rates: RatesRoom, project_id: int, error: float) -> AcceptPlan:
    """Plan what can be accepted with an *error*, a share of boxes. Raises UnknownProject, NoChampion."""
    champion = rates.reviews.registry.versions.champion(project_id)
    if champion is None:
        raise NoChampion(f"project {project_id}: no version serves, so nothing is predicted that could be accepted")
    version, predictions = champion.name, rates.reviews.predictions
    taken = {task.task_id: task for task in rates.reviews.accepted.read(project_id)}
    learnt = rates.reviews.accepted.find_in_datasets(project_id)  # the audit has no image that was learnt
    away = (taken.keys() - rates.reviews.accepted.find_gone(project_id)) | learnt
    untouched = predictions.read_open(project_id, version, but_skipped=True).keys() - away
    newest = predictions.newest(project_id, untouched)
    logged = {task_id: entry for task_id, entry in newest.items() if entry.version == version}
    open_audits = sum(entry.stream == AUDIT for entry in logged.values())
    rest = {task_id: entry for task_id, entry in logged.items() if entry.stream != AUDIT}
    sample = _read_sample(rates, project_id, version, rest, taken)
    everything = [*sample.open.values(), *sample.accepted.values()]
    limit = choose([*sample.audited.values()], everything, error) if sample.open else None
    images = {task_id: image for task_id, image in sample.open.items() if limit and limit.takes(image)}
    tasks = _list_tasks(project_id, version, error, images, rest, limit)
    within = [image for image in sample.audited.values() if limit and limit.takes(image)]
    needed = None if tasks else count_needed([*sample.audited.values()], everything, error)
    return AcceptPlan(
        project=project_id,
        version=version,
        error=error,
        tasks=tasks,
        boxes=sum(image.boxes for image in images.values()),
        accepted_before=sum(limit.takes(image) for image in sample.accepted.values()) if limit else 0,
        audited=len(within),
        wrong=sum(image.wrong for image in within),
        judged=sum(image.judged for image in within),
        open=len(logged),
        open_audits=open_audits,
        all_audited=len(sample.audited),
        needed=needed,
        too_few=not tasks and needed is None and count_needed([], everything, error) is None,
        token=tasks[0].token if tasks else "",
    )


def _read_sample(
    rates: RatesRoom,
    project_id: int,
    version: str,
    rest: Mapping[int, LoggedPrediction],
    taken: Mapping[int, AcceptedTask],
) -> _Sample:
    """
    Read the audit of a version.

    Audited tasks that an earlier version would have accepted are left out: the rest has no such tasks any more. So are
    predictions with another threshold, or another share of the audit, than most of the rest.
    """
    log = rates.reviews.predictions
    judged = {each.task_id: each for each in rates.reviews.verdicts.count_audited(project_id, version)}
    by_id = {entry.id: entry for entry in log.with_ids([each.prediction_id for each in judged.values()])}
    served = Counter(map(_read_policy, rest.values())).most_common(1)
    policy = served[0][0] if served else None
    accepted = log.with_ids([task.prediction_id for task in taken.values() if task.version == version])
    gone = _find_taken_before(rates, project_id, judged, [task for task in taken.values() if task.version != version])
    audited = {
        task_id: AuditedImage(*measure(entry), wrong=each.wrong, judged=each.judged)
        for task_id, each in judged.items()
        if task_id not in gone and (entry := by_id.get(each.prediction_id)) and _read_policy(entry) == policy
    }
    return _Sample(
        audited={task_id: image for task_id, image in audited.items() if image.boxes},
        open={task_id: SureImage(*measure(entry)) for task_id, entry in rest.items() if _read_policy(entry) == policy},
        accepted={entry.task_id: SureImage(*measure(entry)) for entry in accepted if _read_policy(entry) == policy},
    )


def _find_taken_before(
    rates: RatesRoom, project_id: int, task_ids: Iterable[int], taken: Iterable[AcceptedTask]
) -> set[int]:
    """Return the tasks whose prediction of an earlier version was within a limit by which others were accepted."""
    limits = {(task.version, Limit(task.certainty, task.most_boxes)) for task in taken}
    found = set[int]()
    for version, limit in limits:
        entries = rates.reviews.predictions.newest(project_id, task_ids, version=version)
        found |= {task_id for task_id, entry in entries.items() if limit.takes(SureImage(*measure(entry)))}
    return found


def _read_policy(entry: LoggedPrediction) -> tuple[float, float]:
    """Return the threshold, and the share of tasks that the audit took: the audit is a sample of those with both."""
    return entry.threshold, entry.propensity


def measure(entry: LoggedPrediction) -> tuple[float, int]:
    """Return the share of right boxes to expect, and the number of boxes."""
    shown, held_back = ([region.score or 0.0 for region in regions] for regions in (entry.regions, entry.candidates))
    return expect_right(shown, held_back, entry.threshold), len(entry.regions)


def _list_tasks(
    project_id: int,
    version: str,
    error: float,
    images: Mapping[int, SureImage],
    logged: Mapping[int, LoggedPrediction],
    limit: Limit | None,
) -> tuple[AcceptedTask, ...]:
    """Return the tasks to accept; their token is a hash of all that is decided by it."""
    if limit is None:
        return ()
    ids = sorted(images)
    content = json.dumps([project_id, version, error, [(task_id, logged[task_id].id) for task_id in ids]])
    token = hashlib.sha256(content.encode()).hexdigest()[:16]
    return tuple(
        AcceptedTask(task_id, token, version, logged[task_id].id, limit.certainty, limit.boxes) for task_id in ids
    )
