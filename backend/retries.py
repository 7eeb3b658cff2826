"""Work that a request could not do: a thread tries it again, after the answer is sent, until it is done."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable

from loop.errors import LoopError, UpstreamError

EVERY_SECONDS = 1.0
log = logging.getLogger(__name__)


class Retries:
    """Functions that a thread calls again and again until they return True; it runs only while it has any."""

    def __init__(self, seconds: float = EVERY_SECONDS) -> None:
        self._seconds = seconds
        self._lock = threading.Lock()
        self._acts: dict[str, Callable[[], bool]] = {}
        self._is_running = False

    def add(self, name: str, act: Callable[[], bool]) -> None:
        """
        Add a function, in place of an earlier one with the same name.

        It is called again after False and after UpstreamError, and dropped after any other error.
        """
        with self._lock:
            self._acts[name] = act
            if not self._is_running:
                threading.Thread(target=self._run, name="retries", daemon=True).start()
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
        log.warning("gave up the %s: %s", name, error)
    except Exception:
        log.exception("gave up the %s after an error that nobody expected", name)
    return True
