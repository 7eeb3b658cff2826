"""Label Studio's side of an ML backend: set-up, single tasks, many in one request, several clients, a corrupt image."""

from __future__ import annotations

import itertools
import math
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial

import httpx

from scripts.bench import weights
from scripts.bench.figures import quantile
from scripts.demo import project as projects

IMAGES, SINGLES, CLIENTS = 100, 30, 4
PROJECT = 1
PATIENCE = 300.0
HEALTH_SECONDS = 0.05
P50, P95 = "one task, p50, ms", f"{CLIENTS} clients, p95, ms"
RATE, CORRUPT = "one request of 100, images/s", "results of 100 with a corrupt one"
FIGURES = {  # with the digits that they are shown with
    P50: 0,
    "one task, p95, ms": 0,
    RATE: 1,
    "CPU of the server for each image of it, ms": 0,
    "/health meanwhile, p50, ms": 0,
    "/health meanwhile, slowest, ms": 0,
    f"{CLIENTS} clients, images/s": 1,
    P95: 0,
    CORRUPT: 0,
}
Round = dict[str, float]


class Served:
    """An ML backend, and the tasks that it is asked for."""

    def __init__(self, name: str, url: str, images: str, login: tuple[str, str] | None = None) -> None:
        self.name, self._images, self._asked = name, images, itertools.count()
        self._client = httpx.Client(base_url=url, auth=login, timeout=PATIENCE)
        self._config = projects.label_config(weights.LABELS)
        self.cpu_seconds: Callable[[], float] = lambda: math.nan  # of the server until now, where that can be known

    def set_up(self) -> None:
        """Do what Label Studio does when a backend is added."""
        body = {"project": f"{PROJECT}.1", "schema": self._config, "hostname": "", "access_token": ""}
        self._client.post("/setup", json=body).raise_for_status()

    def predict(self, numbers: list[int], corrupt: int | None = None) -> httpx.Response:
        """Ask for predictions in one request; no address is ever asked for again, so that nothing can be kept."""
        names = ["corrupt" if number == corrupt else f"{number}" for number in numbers]
        tasks = [
            {"id": number + 1, "data": {"image": f"{self._images}/{name}.jpg?{next(self._asked)}"}}
            for number, name in zip(numbers, names, strict=True)
        ]
        body = {"tasks": tasks, "project": f"{PROJECT}.1", "label_config": self._config, "params": {"context": None}}
        return self._client.post("/predict", json=body)

    def measure(self) -> Round:
        """Measure one round."""
        self._check([0, 1, 2])  # the first of several at once takes longer
        singles = [1000 * seconds(partial(self._check, [number])) for number in range(SINGLES)]
        cpu = self.cpu_seconds()
        with health_watched(self._client) as health:
            rate = IMAGES / seconds(partial(self._check, list(range(IMAGES))))
        cpu = 1000 * (self.cpu_seconds() - cpu) / IMAGES
        began = time.perf_counter()
        with ThreadPoolExecutor(CLIENTS) as pool:
            several = list(pool.map(lambda number: 1000 * seconds(partial(self._check, [number])), range(IMAGES)))
        together = IMAGES / (time.perf_counter() - began)
        damaged = self.predict(list(range(IMAGES)), corrupt=IMAGES // 2)
        answer = damaged.json() if damaged.is_success else {}
        whole = len(answer.get("results", ())) - len(answer.get("errors", ()))
        values = (
            *(quantile(singles, 0.5), quantile(singles, 0.95), rate, cpu, quantile(health, 0.5), max(health)),
            *(together, quantile(several, 0.95), float(whole)),
        )
        return dict(zip(FIGURES, values, strict=False))

    def _check(self, numbers: list[int]) -> None:
        results = self.predict(numbers).raise_for_status().json()["results"]
        if len(results) != len(numbers):
            raise ValueError(f"{self.name}: {len(results)} results of {len(numbers)}")


@contextmanager
def health_watched(client: httpx.Client) -> Iterator[list[float]]:
    """Ask for `/health` in the `with` block; yield the list of the milliseconds that each answer takes."""
    taken: list[float] = []
    over = threading.Event()

    def watch() -> None:
        while not over.wait(HEALTH_SECONDS):
            taken.append(1000 * seconds(lambda: client.get("/health").raise_for_status()))

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        yield taken
    finally:
        over.set()
        watcher.join()


def seconds(call: Callable[[], object]) -> float:
    """Return the seconds that a call takes."""
    began = time.perf_counter()
    call()
    return time.perf_counter() - began
