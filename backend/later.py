"""Work that a request could not do: a thread tries it again until it is done, after the answer has gone out."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable

from loop.errors import LoopError, UpstreamError

EVERY_SECONDS = 1.0
log = logging.getLogger(__name__)


class Later:
    """Acts that are done again and again until they return true; the thread runs only while there are any."""

    def __init__(self, seconds: float = EVERY_SECONDS) -> None:
        self._seconds = seconds
        self._lock = threading.Lock()
        self._acts: dict[str, Callable[[], bool]] = {}
        self._is_running = False

    def add(self, name: str, act: Callable[[], bool]) -> None:
        """Add an act; the last one of a name is done. One that raises a LoopError other than UpstreamError is over."""
        with self._lock:
            self._acts[name] = act
            if not self._is_running:
                threading.Thread(target=self._run, name="later", daemon=True).start()
                self._is_running = True

    def is_idle(self) -> bool:
        """Whether nothing is left to do."""
        return not self._acts

    def _run(self) -> None:
        while self._has_acts():
            for name, act in list(self._acts.items()):
                if _is_over(name, act):
                    self._remove(name, act)
            time.sleep(self._seconds)

    def _has_acts(self) -> bool:
        with self._lock:
            self._is_running = bool(self._acts)
            return self._is_running

    def _remove(self, name: str, act: Callable[[], bool]) -> None:
        with self._lock:
            if self._acts.get(name) is act:  # else there is a newer one
                del self._acts[name]


def _is_over(name: str, act: Callable[[], bool]) -> bool:
    try:
        return act()
    except UpstreamError:
        return False
    except LoopError as error:
        log.warning("%s is given up: %s", name, error)
    except Exception:
        log.exception("%s broke, and is given up", name)
    return True
