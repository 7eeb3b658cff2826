"""The status of the installation: its parts, projects and last events."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from loop.errors import UpstreamError
from loop.gate.rule import GateOutcome
from loop.installation.outlook.read_standings import read_standings
from loop.installation.outlook.situation import Standing
from loop.installation.room import InstallationRoom
from loop.installation.upkeep import part_states
from loop.label_studio.projects import Project
from loop.printable import count_of
from loop.rates.rates import Rates
from loop.training.store import Training


@dataclass(frozen=True, slots=True)
class ProjectStatus:
    """One project: its champion, reviews, newest training, verdicts on the champion, last alert, and what it does."""

    id: int
    title: str
    champion: str | None
    reviewed: int
    new_reviews: int
    training: Training | None
    rates: Rates
    alert: str | None  # the newest
    standings: tuple[Standing, ...]
    saved: str | None = None  # what the suggestions of a version saved

    @property
    def waits_for_a_person(self) -> bool:
        """Whether the gate left the newest candidate version to a person, and it does not serve."""
        training = self.training
        return training is not None and training.status == GateOutcome.HELD and training.version != self.champion

    @property
    def was_promoted_by_a_person(self) -> bool:
        """Whether the gate left the newest candidate version to a person, and it serves."""
        training = self.training
        return training is not None and training.status == GateOutcome.HELD and training.version == self.champion


@dataclass(frozen=True, slots=True)
class Status:
    """The state of each part, all projects, and the last events."""

    parts: dict[str, str]
    projects: list[ProjectStatus]
    events: list[str]


def status(installation: InstallationRoom) -> Status:
    """Return the status; a part that does not answer is reported in it, and never raises."""
    studio, backend, milvus = installation.studio.client, installation.studio.backend, installation.references.milvus
    places = {"Label Studio": studio.url, "web": backend.url, "milvus": milvus.place}
    with ThreadPoolExecutor(len(places)) as pool:  # while they are asked, the records and Redis are read
        asked = [pool.submit(answers) for answers in (studio.answers, backend.answers, milvus.answers)]
        queues, restarted, lines = _queues(installation), _restarted(installation), list[str]()
        for event in installation.reviews.events.last():
            state = f"set aside: {event.error}" if event.error else "received"
            lines.append(f"{event.received_at:%Y-%m-%d %H:%M:%S} project {event.project_id} {event.action}: {state}")
        projects = [read_project(installation, project) for project in installation.studio.projects.all()]
        answers = [_answer(answer.result()) for answer in asked]
    states = {name: f"{place} {answer}" for (name, place), answer in zip(places.items(), answers, strict=True)}
    dashboard = {"dashboard": f"{backend.url}/loop/; `loop dashboard` prints a link that signs in"}
    return Status({**states, **dashboard, **queues, **restarted}, projects, lines)


def _queues(installation: InstallationRoom) -> dict[str, str]:
    try:
        workers, lengths = installation.queue.workers(), installation.queue.lengths()
        waits, progress = installation.queue.waits(), installation.queue.read_progress()
    except UpstreamError as error:
        return {"redis": str(error)}
    queues = {
        f"queue {name}": f"{count_of(workers.get(name, 0), 'worker')}, {count_of(length, 'job')} waiting"
        + (f", the first for {waits[name]:.0f} s" if name in waits else "")
        for name, length in lengths.items()
    }
    running = {f"job {job}": f"{noted.line}" for job, noted in progress.items()}
    return {"redis": _answer(True), **queues, **running}


def _restarted(installation: InstallationRoom) -> dict[str, str]:
    """Return the parts that start, that fail their work, or that `loop up` started again, with what it says of them."""
    states = part_states.read(installation.machine.home)
    told = {name for name, state in states.items() if state.is_starting or state.fault or state.restarts}
    return {f"part {name}": str(state) for name, state in states.items() if name in told}


def _answer(answers: bool) -> str:
    return "answers" if answers else "does not answer"


def read_project(installation: InstallationRoom, project: Project) -> ProjectStatus:
    """Return the status of one project, from the records alone."""
    project_id = project.id
    champion = installation.registry.versions.champion(project_id)
    alert = next(iter(installation.rates.store.read_alerts(project_id, most=1)), None)
    training = next(iter(installation.trainings.store.last(project_id)), None)
    saved, _ = installation.rates.store.read_saved(project_id)
    return ProjectStatus(
        id=project_id,
        title=project.title,
        champion=champion.name if champion else None,
        reviewed=installation.reviews.store.new_since(project_id, None),
        new_reviews=installation.reviews.store.new_since(project_id, project.reviews_seen_at),
        training=training,
        rates=installation.rates.store.count_version(project_id, champion.name) if champion else Rates(),
        alert=str(alert) if alert else None,
        standings=read_standings(installation, project, champion, training),
        saved=saved or None,
    )
