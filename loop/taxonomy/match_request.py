"""Matches the regions of a /predict answer within a time limit."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from concurrent.futures import TimeoutError as TooLate
from dataclasses import dataclass
from functools import partial
from typing import TypeAlias, TypeVar

from loop.errors import MilvusDown, Overloaded
from loop.label_studio.label_config import LabelConfig
from loop.label_studio.match_control import find_control
from loop.label_studio.projects import Project
from loop.references.plan import EmbedderSource, find_source
from loop.regions import Region
from loop.serving.predict import Suggestion
from loop.serving.reference_labels import LabelVote, list_voted
from loop.taxonomy.box_vectors import BoxVectors
from loop.taxonomy.recorded_matches import MatchesByTask, find_region_matches, find_suggestion_matches
from loop.taxonomy.result import TaskMatches
from loop.taxonomy.room import TaxonomyRoom
from loop.vision.embedding import Vectors

log = logging.getLogger(__name__)
RESERVE = 0.2  # of the time, for the search in Milvus after the last vector
R = TypeVar("R")
BoxesOfSuggestion: TypeAlias = tuple[Suggestion, Sequence[Region]]


@dataclass(frozen=True, slots=True)
class TaxonomyMatching:
    """Matches suggestions to the taxonomy; a request waits at most *seconds* for the matches."""

    taxonomies: TaxonomyRoom
    seconds: float

    def find_recorded(self, project: Project, suggestions: Sequence[Suggestion]) -> dict[int, TaskMatches]:
        """Return the recorded matches of suggestions, by task."""
        return find_suggestion_matches(self.taxonomies, project, suggestions)

    def while_answering(self) -> MatchNow:
        """Return the object that matches the suggestions of requests, each within its time limit."""
        return MatchNow(self.taxonomies, self.seconds)


class MatchNow:
    """
    Matches the regions of suggestions, and lets the references vote for labels. Safe to share between threads.

    It reads recorded matches, and computes all else in the background, for one request at a time. If the thread is
    busy, or needs longer than *seconds*, the request gets only recorded matches, and no votes.
    """

    def __init__(self, taxonomies: TaxonomyRoom, seconds: float) -> None:
        self._taxonomies, self._seconds = taxonomies, seconds
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="match")
        self._busy = threading.Lock()
        self._vectors = BoxVectors(taxonomies.vision)
        self._is_down = False

    def __call__(self, project_id: int, label_config: str, suggestions: Sequence[Suggestion]) -> dict[int, TaskMatches]:
        """Return the matches of shown regions, by task. Never raises, and keeps the time limit."""
        start = time.monotonic()
        taxonomy = self._taxonomies.store.current(project_id) if self._seconds > 0 else None
        source = find_source(self._taxonomies.references, project_id) if taxonomy else None
        if taxonomy is None or source is None:
            return {}
        predicted = [(each.task_id, each.image, each.shown) for each in suggestions if each.shown]
        matches_by_task = find_region_matches(self._taxonomies, project_id, source.space, predicted)
        missing = [each for each in suggestions if len(each.shown) > len(matches_by_task.get(each.task_id, {}))]
        if missing:
            deadline = start + self._seconds
            matches_by_task |= self._compute(partial(self._match, project_id, source, missing, deadline), deadline)
        control = find_control(label_config)
        return {task_id: TaskMatches(matches, taxonomy, control) for task_id, matches in matches_by_task.items()}

    def vote(
        self, project_id: int, config: LabelConfig, labels: Sequence[str], suggestions: Sequence[Suggestion]
    ) -> dict[int, dict[str, LabelVote]]:
        """Return the votes of the references for labels, by task and region. Never raises, and keeps the time limit."""
        start = time.monotonic()
        source = find_source(self._taxonomies.references, project_id) if suggestions and self._seconds > 0 else None
        if source is None or not self._has_references(project_id, source, config, labels):
            return {}
        deadline = start + self._seconds
        asked = {each.task_id: (each, list_voted(each)) for each in suggestions}
        return self._compute(partial(self._vote, project_id, source, config, labels, asked, deadline), deadline)

    def _has_references(
        self, project_id: int, source: EmbedderSource, config: LabelConfig, labels: Sequence[str]
    ) -> bool:
        from loop.taxonomy.labelling.voting import count_references

        return bool(count_references(self._taxonomies, project_id, source.space, config, labels))

    def _compute(self, work: Callable[[], dict[int, R]], deadline: float) -> dict[int, R]:
        """Return the results of work in the background, by task; nothing if it is busy, or takes longer."""
        if not self._busy.acquire(blocking=False):
            return {}
        future = self._thread.submit(self._work_and_free, work)
        try:
            return future.result(max(0.0, deadline - time.monotonic()))
        except TooLate:
            return {}

    def _work_and_free(self, work: Callable[[], dict[int, R]]) -> dict[int, R]:
        """Work, free the thread, and log errors here: the request may no longer wait for the results."""
        try:
            results = work()
        except MilvusDown as error:
            if not self._is_down:  # logs once, not for every request while Milvus is down
                log.warning("predictions go out without matches: %s", error)
            self._is_down = True
            return {}
        except Overloaded as error:
            log.warning("predictions go out without matches: %s", error)
            return {}
        except Exception:  # torch raises anything; an answer without matches is better than none
            log.exception("predictions go out without matches")
            return {}
        finally:
            self._busy.release()
        if self._is_down:
            log.info("matching works again")
        self._is_down = False
        return results

    def _match(
        self, project_id: int, source: EmbedderSource, suggestions: Sequence[Suggestion], deadline: float
    ) -> MatchesByTask:
        """Match shown boxes to the taxonomy. Raises MilvusDown."""
        from loop.taxonomy.match import matcher_of

        matcher = matcher_of(self._taxonomies, project_id)
        if matcher is None or matcher.references is None:
            return {}
        asked = {each.task_id: (each, each.shown) for each in suggestions}
        return self._ask(source, asked, matcher.match, deadline)

    def _vote(
        self,
        project_id: int,
        source: EmbedderSource,
        config: LabelConfig,
        labels: Sequence[str],
        asked: Mapping[int, BoxesOfSuggestion],
        deadline: float,
    ) -> dict[int, dict[str, LabelVote]]:
        """Let the references vote on every box that a label could make a shown one. Raises MilvusDown."""
        from loop.taxonomy.labelling.voting import open_voting

        voting = open_voting(self._taxonomies, project_id, source.space, config, labels)
        if voting is None:
            return {}
        answers = self._ask(source, asked, voting.vote, deadline)
        return {task: {box: vote for box, vote in votes.items() if vote} for task, votes in answers.items()}

    def _ask(
        self,
        source: EmbedderSource,
        asked: Mapping[int, BoxesOfSuggestion],
        answer: Callable[[Vectors], Sequence[R]],
        deadline: float,
    ) -> dict[int, dict[str, R]]:
        """Return the answers for the vectors of regions, by task and region."""
        import numpy as np

        wanted = [(task, each.image, [region.box for region in regions]) for task, (each, regions) in asked.items()]
        vectors = self._vectors.make(source, wanted, deadline - RESERVE * self._seconds)
        if not vectors:
            return {}
        answers = iter(answer(np.concatenate(list(vectors.values()))))
        return {task: {region.id: next(answers) for region in asked[task][1]} for task in vectors}
