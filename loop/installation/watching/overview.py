"""The overview of a project: its champion, its last training, what it does now, and what a person does next."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from loop.errors import UpstreamError
from loop.installation.doctor import list_faults
from loop.installation.findings import Finding
from loop.installation.outlook.read_standings import read_standings
from loop.installation.outlook.situation import Standing
from loop.installation.room import InstallationRoom
from loop.installation.status import ProjectStatus, read_project
from loop.installation.watching.jobs import JobsReport, list_jobs
from loop.label_studio.projects import Project
from loop.rates.assess import advise_on_serving
from loop.rates.intervals import Interval, wilson
from loop.rates.rates import NO_VALUE
from loop.registry.store import Version
from loop.training.store import Training


@dataclass(frozen=True, slots=True)
class ChampionLearning:
    """The version that serves: since when it is there, its mAP50-95 on held-out images, and what it was trained on."""

    name: str
    made_at: datetime
    map50_95: float | None
    images: Mapping[str, int]
    boxes: int
    why: str  # it serves: the gate's reason, or a person's
    reason: str  # of the gate
    classes: Sequence[str]


@dataclass(frozen=True, slots=True)
class StudioLinks:
    """Addresses of a project in Label Studio, for a person's browser."""

    project: str
    next_task: str
    settings: str


@dataclass(frozen=True, slots=True)
class WorkNow:
    """What a project does or waits for, and its jobs."""

    standings: Sequence[Standing]
    jobs: JobsReport


@dataclass(frozen=True, slots=True)
class Overview:
    """All that the overview shows: *confirmed* is the 95% interval of that rate, *faults* are the doctor's."""

    status: ProjectStatus
    champion: ChampionLearning | None
    confirmed: Interval | None
    advice: Sequence[str]
    faults: Sequence[Finding]
    now: WorkNow
    links: StudioLinks


@dataclass(frozen=True, slots=True)
class OpenTasks:
    """The open tasks of a project and how many have the champion's prediction; *trouble* says why neither is known."""

    total: int = 0
    predicted: int = 0
    trouble: str = ""


def read_overview(installation: InstallationRoom, project: Project) -> Overview:
    """Return the overview of a project, from the records and Redis alone."""
    status = read_project(installation, project)
    champion = installation.registry.versions.champion(project.id)
    rates = status.rates
    return Overview(
        status=status,
        champion=_describe_champion(installation, champion) if champion else None,
        confirmed=wilson(rates.confirmed, rates.predicted),
        advice=advise_on_serving(installation.rates, project.id, None).get(NO_VALUE, ()),
        faults=list_faults(installation, project),
        now=WorkNow(status.standings, list_jobs(installation, project.id)),
        links=link_studio(installation.studio.client.url, project.id),
    )


def read_now(installation: InstallationRoom, project: Project) -> WorkNow:
    """Return what a project does now; cheap enough to be asked for every few seconds."""
    champion = installation.registry.versions.champion(project.id)
    training = next(iter(installation.trainings.store.last(project.id)), None)
    standings = read_standings(installation, project, champion, training)
    return WorkNow(standings, list_jobs(installation, project.id))


def count_open_tasks(installation: InstallationRoom, project: Project) -> OpenTasks:
    """Ask Label Studio how many tasks are open; one that does not answer is reported."""
    champion = installation.registry.versions.champion(project.id)
    try:
        total = installation.studio.client.count_open(project.id)
        predicted = installation.studio.client.count_open(project.id, champion.name) if champion and total else 0
    except UpstreamError as error:
        return OpenTasks(trouble=str(error))
    return OpenTasks(total, min(total, predicted))


def link_studio(url: str, project_id: int) -> StudioLinks:
    """Return the addresses of a project, without a user and a password that the URL of Label Studio may have."""
    parts = urlsplit(url)
    host = parts.netloc.rpartition("@")[2]
    project = urlunsplit((parts.scheme, host, f"{parts.path.rstrip('/')}/projects/{project_id}", "", ""))
    return StudioLinks(f"{project}/data", f"{project}/data?labeling=1", f"{project}/settings")


def _describe_champion(installation: InstallationRoom, champion: Version) -> ChampionLearning:
    training = installation.trainings.store.of_version(champion.project_id, champion.name)
    report: Mapping[str, Any] = (training.report if training else None) or {}
    snapshot = report.get("snapshot") or {}
    value = champion.facts.metrics.get("map50_95")
    return ChampionLearning(
        name=champion.name,
        made_at=champion.created_at,
        map50_95=value if isinstance(value, float) else None,
        images={name: count for name, count in (snapshot.get("images") or {}).items() if isinstance(count, int)},
        boxes=_sum(snapshot.get("boxes")),
        why=installation.registry.moves.why_serves(champion.project_id),
        reason=_reason(training),
        classes=champion.facts.classes,
    )


def _sum(counts: object) -> int:
    """Return the sum of counts, which may be by split and class."""
    if isinstance(counts, Mapping):
        return sum(map(_sum, counts.values()))
    return counts if isinstance(counts, int) else 0


def _reason(training: Training | None) -> str:
    end = training.end if training else None
    return end.reason if end else ""
