"""Match what is being answered, within a time budget: over it, the answer goes out without."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as TooLate

import numpy as np

from loop.errors import ImageError, MilvusDown
from loop.label_studio.payloads import Task
from loop.parts import Parts
from loop.references.plan import Source, source_of
from loop.serving.predict import Suggestion
from loop.taxonomy import control as match_control
from loop.taxonomy.match import ByTask, Matcher, matcher_of, of_regions
from loop.taxonomy.result import Matched
from loop.vision.embedding import Embedder

log = logging.getLogger(__name__)


class MatchNow:
    """
    Matches the regions of suggestions. Safe to share between threads.

    What a job has matched already is read from the records. The rest is embedded and searched in the background, one
    request at a time; a request that finds it busy, or waits longer than *seconds*, does without.
    """

    def __init__(self, parts: Parts, seconds: float) -> None:
        self._parts, self._seconds = parts, seconds
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="match")
        self._busy = threading.Lock()
        self._embedder: Embedder | None = None
        self._is_down = False

    def __call__(self, project_id: int, label_config: str, suggestions: Sequence[Suggestion]) -> dict[int, Matched]:
        """The matches of what is shown, by task; never raises, and never takes much longer than it may."""
        began = time.monotonic()
        taxonomy = self._parts.taxonomies.current(project_id) if self._seconds > 0 else None
        source = source_of(self._parts, project_id) if taxonomy else None
        if taxonomy is None or source is None:
            return {}
        said = [(one.task_id, one.image, one.shown) for one in suggestions if one.shown]
        found = of_regions(self._parts, project_id, source.space, said)
        missing = [one for one in suggestions if len(one.shown) > len(found.get(one.task_id, {}))]
        if missing and self._busy.acquire(blocking=False):
            future = self._thread.submit(self._free, project_id, source, missing)
            found |= self._awaited(future, self._seconds - (time.monotonic() - began))
        control = match_control.find(label_config)
        return {task_id: Matched(matches, taxonomy, control) for task_id, matches in found.items()}

    def _awaited(self, future: Future[ByTask], seconds: float) -> ByTask:
        try:
            return future.result(max(0.0, seconds))
        except TooLate:
            return {}

    def _free(self, project_id: int, source: Source, suggestions: Sequence[Suggestion]) -> ByTask:
        """Compute, let the next request in, and say what is wrong: here, because whoever asked may not wait for it."""
        try:
            matcher = matcher_of(self._parts, project_id)
            found = self._computed(matcher, source, suggestions) if matcher and matcher.references else {}
        except MilvusDown as error:
            if not self._is_down:  # once, not for every request until it is back
                log.warning("predictions go out without matches: %s", error)
            self._is_down = True
            return {}
        except Exception:  # torch raises anything; an answer without matches is better than none
            log.exception("predictions go out without matches")
            return {}
        finally:
            self._busy.release()
        if self._is_down:
            log.info("matching works again")
        self._is_down = False
        return found

    def _computed(self, matcher: Matcher, source: Source, suggestions: Sequence[Suggestion]) -> ByTask:
        loaded = self._parts.images.load([Task(one.task_id, one.image) for one in suggestions])
        there = [
            (one, image) for one, image in zip(suggestions, loaded, strict=True) if not isinstance(image, ImageError)
        ]
        if not there:
            return {}
        boxes = [[region.box for region in one.shown] for one, _ in there]
        vectors = self._loaded(source).embed([image for _, image in there], boxes)
        found = iter(matcher.match(np.concatenate(vectors)))
        return {one.task_id: {region.id: next(found) for region in one.shown} for one, _ in there}

    def _loaded(self, source: Source) -> Embedder:
        """The embedder of a space, the last one kept in memory."""
        if self._embedder is None or self._embedder.space != source.space:
            self._embedder = self._parts.embedders.load(source.space, source.weights, source.image_size)
        return self._embedder
