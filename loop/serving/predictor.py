"""The predictor behind both doors: each project's champion in memory, swapped while requests run."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial

from loop.errors import DetectorBroken, LoopError, UnknownProject
from loop.failures import describe_error
from loop.label_studio.interactive.prompts import Context
from loop.label_studio.label_config import LabelConfig, parse
from loop.label_studio.tasks import StoredTask
from loop.registry.loaded_version import LoadedVersion
from loop.serving.clicks.answer import answer_clicks
from loop.serving.pre_annotate import PreAnnotation, PredictionRun, pre_annotate
from loop.serving.room import ServingRoom

CHECK_SECONDS = 1.0  # between two checks of the registry for a new champion, by requests
FOLLOW_SECONDS = 3.0  # between two checks without requests: one query for all projects
RETRY_SECONDS = 30.0  # after which loading a broken champion is tried again
ANSWER_SECONDS = 55.0  # in which images are begun; Label Studio waits 100, and fetching an image takes up to 20
UNCONNECTED = 0  # in place of the id of every project that is not connected: an invented id costs no memory

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Slot:
    served: LoadedVersion
    checked_at: float
    is_loading: bool = False
    failed: str = ""  # name of the champion that could not be loaded
    failed_at: float = 0.0


class Predictor:
    """Predicts tasks as Label Studio sends them. Threads can share a predictor."""

    def __init__(
        self, serving: ServingRoom, *, retry_seconds: float = RETRY_SECONDS, answer_seconds: float = ANSWER_SECONDS
    ) -> None:
        self._serving, self._retry_seconds, self._answer_seconds = serving, retry_seconds, answer_seconds
        self._match = serving.matching.while_answering()
        self._slots: dict[int, _Slot] = {}
        self._lock = threading.Lock()
        self._loading = threading.Lock()
        self._warm, self._closed = threading.Event(), threading.Event()

    def predict(
        self, project_id: int, label_config: str, tasks: Sequence[StoredTask], began: float | None = None
    ) -> list[PreAnnotation]:
        """
        Pre-annotate tasks: one answer for each, in their order, all of one version, and logged before the answer.

        Where the version cannot be loaded, or detects on no image, each answer is empty and has the reason as its
        error. So are the answers for tasks that cannot be begun in time since the request *began*, on the monotonic
        clock; a job predicts them. Raises PayloadError where the label config has nothing to predict for.
        """
        config, run = self._read(project_id, label_config), PredictionRun(deadline=self._deadline(began))
        match, vote = partial(self._match, project_id, label_config), partial(self._match.vote, project_id, config)
        work = partial(pre_annotate, self._serving, project_id, config, match=match, vote=vote, run=run)
        place = self._place_of(project_id)
        answers = self._answer(place, lambda served: work(served, tasks))
        late = sum(answer.suggestion.is_late for answer in answers)
        for answer in answers:
            if answer.suggestion.error and not answer.suggestion.is_late:
                values = (project_id, answer.suggestion.task_id, answer.suggestion.error)
                log.warning("project %d task %d has no prediction: %s", *values)
        if late:
            log.warning("project %d: no time for %d of %d tasks of a request", project_id, late, len(answers))
        if late and place != UNCONNECTED:
            self._serving.studio.projects.ask_refresh(project_id)  # by the sweep: Label Studio first stores the answer
        return answers

    def answer_clicks(
        self, project_id: int, label_config: str, tasks: Sequence[StoredTask], context: Context, began: float
    ) -> list[PreAnnotation]:
        """Answer the call of a click tool, see `answer_clicks`; it has the same time as `predict`."""
        config, deadline = self._read(project_id, label_config), self._deadline(began)
        vote = partial(self._match.vote, project_id, config)
        return self._answer(
            self._place_of(project_id),
            lambda served: answer_clicks(self._serving, config, served, tasks, context, deadline, vote),
        )

    def version(self, project_id: int) -> str:
        """
        Return the version that `predict` uses now.

        Label Studio waits 3 s for this, less than a detector takes to load: until a detector is in memory, this is the
        champion in the registry.
        """
        slot = self._slots.get(project_id)
        if slot is None:
            return self._serving.registry.version_name(self._serving.registry.versions.champion(project_id))
        return self.current(project_id).version

    def has_own(self, project_id: int) -> bool:
        """Whether a project has a place of its own in memory: it is connected, or has a champion."""
        return project_id in self._slots

    def warm_up(self) -> None:
        """Load the champions of all connected projects in the background, before an annotator waits for one."""
        threading.Thread(target=self._load_all, name="warm-up", daemon=True).start()

    def is_warm(self) -> bool:
        """Whether `warm_up` has ended, also where champions could not be loaded."""
        return self._warm.is_set()

    def follow(self, seconds: float = FOLLOW_SECONDS) -> None:
        """Load each new champion within *seconds*, in the background, until `close`, also where no request comes."""
        threading.Thread(target=self._follow, args=[seconds], name="follow", daemon=True).start()

    def close(self) -> None:
        """Stop following new champions."""
        self._closed.set()

    def versions(self, project_id: int) -> list[str]:
        """Return the names of all versions of a project, newest first."""
        return [version.name for version in reversed(self._serving.registry.versions.list(project_id))]

    def current(self, project_id: int) -> LoadedVersion:
        """
        Return the champion in memory, or its name with the reason why it does not work; loading is tried again later.

        The first request of a project waits for its detector. Later champions are loaded beside the old one, which
        answers until the new champion is ready; a running request keeps the version that it began with.
        """
        slot = self._slots.get(project_id)
        if slot is None:
            with self._loading:
                if project_id not in self._slots:
                    self._load_first(project_id)
            return self._slots[project_id].served
        if time.monotonic() - slot.checked_at > CHECK_SECONDS:
            self._check_champion(project_id)
        return self._slots[project_id].served

    def _read(self, project_id: int, label_config: str) -> LabelConfig:
        return parse(label_config).with_synonyms(self._serving.studio.classes.book(project_id).synonyms())

    def _deadline(self, began: float | None) -> float:
        return (time.monotonic() if began is None else began) + self._answer_seconds

    def _answer(self, place: int, work: Callable[[LoadedVersion], list[PreAnnotation]]) -> list[PreAnnotation]:
        """Answer by the version of a place; with the reason where the version detects on no image."""
        served = self.current(place)
        try:
            return work(served)
        except DetectorBroken as error:
            return work(self._set_aside(place, served, error))

    def _place_of(self, project_id: int) -> int:
        """Return the key of a project's slot: all projects that are not connected share the start weights."""
        if self.has_own(project_id) or self._serving.registry.versions.champion(project_id):
            return project_id
        try:
            return self._serving.studio.projects.get(project_id).id
        except UnknownProject:
            return UNCONNECTED

    def _load_all(self) -> None:
        try:
            for project in self._serving.studio.projects.all():
                try:
                    self.current(project.id)
                except Exception:  # whatever the records raise, the other projects are loaded
                    log.exception("project %d: its champion cannot be read", project.id)
        finally:
            self._warm.set()

    def _follow(self, seconds: float) -> None:
        is_known = True
        while not self._closed.wait(seconds):
            try:
                self._load_new()
            except Exception as error:  # noqa: BLE001 (whatever the records raise, the next check comes)
                if is_known:
                    log.warning("new champions cannot be read for now: %s", error)
                is_known = False
            else:
                is_known = True

    def _load_new(self) -> None:
        """Load the champions that are neither in memory nor known to be broken."""
        with self._lock:
            slots = dict(self._slots)
        for project_id, name in self._serving.registry.moves.champion_names().items():
            slot = slots.get(project_id)
            if slot is None:
                self.current(project_id)
            elif name != slot.failed and not slot.served.is_of(name):
                self._check_champion(project_id)

    def _check_champion(self, project_id: int) -> None:
        champion = self._serving.registry.versions.champion(project_id)
        name = self._serving.registry.version_name(champion)
        with self._lock:
            slot = self._slots[project_id]
            is_new = (champion is not None and not slot.served.is_of(name)) or slot.served.error is not None
            now = time.monotonic()
            has_failed = name == slot.failed and now - slot.failed_at < self._retry_seconds
            begin = is_new and not slot.is_loading and not has_failed
            self._slots[project_id] = replace(slot, checked_at=now, is_loading=slot.is_loading or begin)
        if begin:
            arguments = (project_id, name)
            threading.Thread(target=self._swap, args=arguments, name=f"swap-{project_id}", daemon=True).start()

    def _load_first(self, project_id: int) -> None:
        champion = self._serving.registry.versions.champion(project_id)
        try:
            self._put(project_id, self._serving.registry.load(champion))
        except Exception as error:  # noqa: BLE001 (reported and logged by _set_aside)
            thresholds = (
                self._serving.registry.thresholds_of(champion) if champion else self._serving.registry.thresholds
            )
            self._set_aside(
                project_id, LoadedVersion(self._serving.registry.version_name(champion), None, thresholds), error
            )

    def _swap(self, project_id: int, name: str) -> None:
        try:
            self._put(project_id, self._serving.registry.load(self._serving.registry.versions.champion(project_id)))
        except Exception as error:
            with self._lock:
                slot = self._slots[project_id]
                self._slots[project_id] = replace(slot, is_loading=False, failed=name, failed_at=time.monotonic())
            values = (project_id, name, slot.served.version, error)
            has_trace = not isinstance(error, LoopError)
            log.exception("project %d: %s cannot be loaded, %s stays: %s", *values, exc_info=has_trace)

    def _put(self, project_id: int, served: LoadedVersion) -> None:
        with self._lock:
            self._slots[project_id] = _Slot(served, time.monotonic())
        log.info("project %d is served by %s", project_id, served.version)

    def _set_aside(self, project_id: int, served: LoadedVersion, error: Exception) -> LoadedVersion:
        """Answer with the reason and no boxes while a version does not work."""
        now = time.monotonic()
        silent = replace(served, detector=None, error=f"nothing is predicted: {describe_error(error)}")
        with self._lock:
            self._slots[project_id] = _Slot(silent, now, failed=served.version, failed_at=now)
        log.error("project %d: %s", project_id, silent.error, exc_info=None if isinstance(error, LoopError) else error)
        return silent
