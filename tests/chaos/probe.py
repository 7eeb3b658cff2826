"""Asks for a prediction all the time, and notes which requests failed."""

import threading
import time
from contextlib import contextmanager

import httpx

from tests.services import until

EVERY_SECONDS = 0.5
PATIENCE = 10.0  # seconds
NO_TASK = 1 << 40  # nobody reviews it
WARM = 10  # answers in a row, after which every web process has loaded the champion


@contextmanager
def probing(installation):
    """A probe of an installation that has predicted for a while."""
    config = installation.rooms.studio.projects.get(installation.project_id).label_config
    with Probe(installation.settings, installation.project_id, config, installation.tasks()[0]["data"]) as probe:
        until(lambda: len(probe.moments) >= WARM and all(works for _, works in probe.moments[-WARM:]), 120)
        yield probe


class Probe:
    """Sends one task to /predict again and again, as Label Studio does; `moments` are when, and whether it worked."""

    def __init__(self, settings, project_id, label_config, data):
        self._url = f"{settings.local_url}/predict"
        self._auth = (settings.basic_auth_user, settings.basic_auth_pass)
        self._body = {
            "tasks": [{"id": NO_TASK, "data": data}],
            "project": str(project_id),
            "label_config": label_config,
        }
        self._ended = threading.Event()
        self.moments = []
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._ended.set()
        self._thread.join()

    def between(self, began, ended):
        """Return whether each request that was sent in a time worked."""
        return [works for at, works in self.moments if began <= at <= ended]

    def works_again_after(self, moment):
        """Return the seconds from a moment until requests work for good; None while the newest ones fail."""
        later = [(at, works) for at, works in self.moments if at >= moment]
        failed = [place for place, (_, works) in enumerate(later) if not works]
        first = failed[-1] + 1 if failed else 0
        return later[first][0] - moment if len(later) > first else None

    def _run(self):
        while not self._ended.wait(EVERY_SECONDS):
            began = time.monotonic()
            self.moments.append((began, self._ask()))

    def _ask(self):
        try:
            answer = httpx.post(self._url, json=self._body, auth=self._auth, timeout=PATIENCE)
        except httpx.HTTPError:
            return False
        return answer.status_code == 200 and bool(answer.json()["results"][0]["result"])
