"""Child processes that are killed outright at a chosen point."""

import os
import signal
from operator import attrgetter

from loop.errors import UpstreamError
from loop.wiring import build
from tests import child
from tests.fakes import FakeDetectors, FakeLabelStudio
from tests.swap import swap


class Deadly:
    """Another's part, whose process is killed when *method* is called."""

    def __init__(self, part, method):
        self._part, self._method = part, method

    def __getattr__(self, name):
        if name.startswith("__"):  # pickle asks for these before the object has a part
            raise AttributeError(name)
        if name == self._method:
            os.kill(os.getpid(), signal.SIGKILL)
        return getattr(self._part, name)


def killed_in(settings, act, fakes=()):
    """
    Run *act* on rooms of its own in a child process, and see it killed.

    *fakes* are pairs: where an object stands in the rooms, such as "studio.client", and what stands there instead. All
    of them are pickled.
    """
    assert child.run(_act, settings, act, dict(fakes)) == -signal.SIGKILL, "nobody was killed"


def _act(settings, act, fakes):
    rooms = build(settings)
    fakes = {"registry.detectors": FakeDetectors(), **fakes}
    act(swap(rooms, *((attrgetter(place)(rooms), fake) for place, fake in fakes.items())))


class Choosy(FakeLabelStudio):
    """As the real one: it takes a version only where a prediction of it is stored."""

    def update_project(self, project_id, **changes):
        version = changes.get("version")
        if version and version not in {one["model_version"] for one in self.stored}:
            raise UpstreamError("no such version", 400)
        super().update_project(project_id, **changes)
