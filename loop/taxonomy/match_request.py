"""Matches the regions of a /predict answer within a time limit."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as TooLate
from dataclasses import dataclass
from typing import TYPE_CHECKING

from loop.errors import ImageError, MilvusDown, Overloaded
from loop.label_studio.match_control import find_control
from loop.label_studio.payloads import Task
from loop.label_studio.projects import Project
from loop.references.plan import EmbedderSource, find_source
from loop.regions import Pixels
from loop.serving.predict import Suggestion
from loop.taxonomy.recorded_matches import MatchesByTask, find_region_matches, find_suggestion_matches
from loop.taxonomy.result import TaskMatches
from loop.taxonomy.room import TaxonomyRoom
from loop.vision.embedding import Embedder, Vectors

if TYPE_CHECKING:
    from loop.taxonomy.match import Matcher

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class TaxonomyMatching:
    """Matches suggestions to the taxonomy; a request waits at most *seconds* for the matches."""

    taxonomies: TaxonomyRoom
    seconds: float

    def find_recorded(self, project: Project, suggestions: Sequence[Suggestion]) -> dict[int, TaskMatches]:
        """Return the recorded matches of suggestions, by task."""
        return find_suggestion_matches(self.taxonomies, project, suggestions)

    def while_answering(self) -> MatchNow:
        """Return the function that matches the suggestions of a request, within its time limit."""
        return MatchNow(self.taxonomies, self.seconds)


class MatchNow:
    """
    Matches the regions of suggestions. Safe to share between threads.

    It reads recorded matches, and computes the others in the background, for one request at a time. If the thread is
    busy, or needs longer than *seconds*, the request gets only recorded matches.
    """

    def __init__(self, taxonomies: TaxonomyRoom, seconds: float) -> None:
        self._taxonomies, self._seconds = taxonomies, seconds
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="match")
        self._busy = threading.Lock()
        self._embedder: Embedder | None = None
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
        if missing and self._busy.acquire(blocking=False):
            future = self._thread.submit(self._compute_and_free, project_id, source, missing)
            matches_by_task |= self._wait_for(future, self._seconds - (time.monotonic() - start))
        control = find_control(label_config)
        return {task_id: TaskMatches(matches, taxonomy, control) for task_id, matches in matches_by_task.items()}

    def _wait_for(self, future: Future[MatchesByTask], seconds: float) -> MatchesByTask:
        try:
            return future.result(max(0.0, seconds))
        except TooLate:
            return {}

    def _compute_and_free(
        self, project_id: int, source: EmbedderSource, suggestions: Sequence[Suggestion]
    ) -> MatchesByTask:
        """Compute matches, free the thread, and log errors here: the request may no longer wait for them."""
        try:
            from loop.taxonomy.match import matcher_of

            matcher = matcher_of(self._taxonomies, project_id)
            matches_by_task = self._compute(matcher, source, suggestions) if matcher and matcher.references else {}
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
        return matches_by_task

    def _compute(self, matcher: Matcher, source: EmbedderSource, suggestions: Sequence[Suggestion]) -> MatchesByTask:
        import numpy as np

        tasks = [Task(each.task_id, each.image) for each in suggestions]
        boxes = {task: [region.box for region in each.shown] for task, each in zip(tasks, suggestions, strict=True)}

        def embed(task: Task, image: Pixels) -> Vectors:
            return self._load(source).embed([image], [boxes[task]])[0]

        pairs = zip(suggestions, self._taxonomies.vision.images.map(embed, tasks), strict=True)
        readable = [(each, vectors) for each, vectors in pairs if not isinstance(vectors, ImageError)]
        if not readable:
            return {}
        matches = iter(matcher.match(np.concatenate([vectors for _, vectors in readable])))
        return {each.task_id: {region.id: next(matches) for region in each.shown} for each, _ in readable}

    def _load(self, source: EmbedderSource) -> Embedder:
        """Return the embedder of a space; the last embedder stays in memory."""
        if self._embedder is None or self._embedder.space != source.space:
            self._embedder = self._taxonomies.vision.embedders.load(source.space, source.weights, source.image_size)
        return self._embedder
