"""Images of one rectangle each, drawn when they are fetched."""

import io
import random
from dataclasses import replace

from PIL import Image, ImageDraw

from loop.regions import Box
from tests.fakes import FakeDetectors, Killed
from tests.gate.builders import evaluation

SIZE = (96, 64)
COLOURS = {"Car": "red", "Person": "blue"}


class DrawnImages:
    """Draws the image of a task."""

    def fetch(self, source, task_id):
        box, label = truth(task_id)
        canvas = Image.new("RGB", SIZE, "grey")
        corners = (box.x0 * SIZE[0], box.y0 * SIZE[1], box.x1 * SIZE[0], box.y1 * SIZE[1])
        ImageDraw.Draw(canvas).rectangle(corners, fill=COLOURS[label])
        content = io.BytesIO()
        canvas.save(content, "JPEG")
        return content.getvalue()


def truth(task_id):
    """What is on the picture of a task."""
    rng = random.Random(task_id)
    left, top = rng.uniform(0.05, 0.5), rng.uniform(0.05, 0.5)
    return Box(left, top, left + rng.uniform(0.2, 0.4), top + rng.uniform(0.2, 0.4)), rng.choice(sorted(COLOURS))


CANDIDATE = b"weights of a candidate"


class Dying:
    """A part in whose method we are killed, before or after it did its work; once."""

    def __init__(self, part, method, when, time=1):
        self._part, self._method, self._when, self._left = part, method, when, time

    def __getattr__(self, name):
        method = getattr(self._part, name)
        return self._dying(method) if name == self._method else method

    def _dying(self, method):
        def call(*args, **kwargs):
            self._left -= 1
            if self._left == 0 and self._when == "before":
                raise Killed
            answer = method(*args, **kwargs)
            if self._left == 0:
                raise Killed
            return answer

        return call


class Measuring(FakeDetectors):
    """Finds a share of what is on the held-out images by a candidate, and by a champion."""

    def __init__(self, candidate=0.9, champion=0.1):
        super().__init__()
        self._candidate, self._champion = candidate, champion

    def base(self):
        return None

    def evaluate(self, weights, data, framing=None, *labels):
        names = sorted(path.stem for path in (data.parent / "images" / "held_out").iterdir())
        is_candidate = weights.read_bytes() == CANDIDATE
        measured = evaluation(len(names), false=0, recall=self._candidate if is_candidate else self._champion)
        return replace(measured, images=tuple(names))

    def latencies(self, weights, images):
        return [10.0 for _ in weights]
