"""A process that trains, forked from one that has torch loaded already, so that many can be started and killed."""

from __future__ import annotations

import os
import signal
import time
from contextlib import closing, contextmanager
from operator import attrgetter
from pathlib import Path

from loop.training.retrain import retrain
from loop.wiring import build
from tests import child
from tests.swap import swap


@contextmanager
def trainee(settings, death=None):
    """Run the open training of project 1 in a process of its own; *death* names where it kills itself."""
    process = child.start(_train, settings, death)
    try:
        yield process
    finally:
        process.kill()
        process.join()


def run(settings, death=None, seconds=120):
    """Let a process train to its end, and return its exit code: negative for the signal that ended it."""
    return child.run(_train, settings, death, seconds=seconds)


def _train(settings, death):
    with closing(build(settings)) as rooms:
        retrain((DEATHS[death](rooms) if death else rooms).trainings, 1)


def _die(*_, **__):
    os.kill(os.getpid(), signal.SIGKILL)
    time.sleep(60)


class _Dying:
    """A part in whose method the process dies, at a call of which *is_deadly* is true."""

    def __init__(self, part, method, *, after=False, is_deadly=lambda *_, **__: True):
        self._part, self._method, self._after, self._is_deadly = part, method, after, is_deadly

    def __getattr__(self, name):
        method = getattr(self._part, name)
        return self._dying(method) if name == self._method else method

    def _dying(self, method):
        def call(*args, **kwargs):
            is_deadly = self._is_deadly(*args, **kwargs)
            if is_deadly and not self._after:
                _die()
            answer = method(*args, **kwargs)
            if is_deadly:
                _die()
            return answer

        return call


def _at(place, method, **how):
    part = attrgetter(place)
    return lambda rooms: swap(rooms, (part(rooms), _Dying(part(rooms), method, **how)))


def _in_a_checkpoint(rooms):
    """Die with half of the second epoch's checkpoint written."""
    write_whole, written = Path.write_bytes, []

    def write(path, content):
        if path.name == "last.pt":
            written.append(path)
        if len(written) == 2:
            write_whole(path, content[: len(content) // 2])
            _die()
        return write_whole(path, content)

    Path.write_bytes = write
    return rooms


def _phase(name, epoch=None):
    return lambda _, phase, **done: phase == name and epoch in (None, done.get("epoch"))


DEATHS = {
    "in the snapshot": _at("vision.cache", "find", is_deadly=lambda _, task_id, *__, **___: task_id == 5),
    "in the first epoch": _at("trainings.store", "reach", after=True, is_deadly=_phase("training", 0)),
    "in the second epoch": _at("trainings.store", "reach", after=True, is_deadly=_phase("training", 1)),
    "in a checkpoint": _in_a_checkpoint,
    "after the last epoch": _at("trainings.store", "reach", is_deadly=_phase("measuring")),
    "before the registration": _at("registry.versions", "add"),
    "after the registration": _at("registry.versions", "add", after=True),
    "in the gate": _at("gate.evaluator", "evaluate", is_deadly=lambda weights, *_: weights.name != "finished.pt"),
    "before the promotion": _at("registry.versions", "promote"),
    "after the promotion": _at("registry.versions", "promote", after=True),
    "before it is closed": _at("trainings.store", "end"),
}
