"""Images of one rectangle each, drawn when they are fetched."""

import io
import random

from PIL import Image, ImageDraw

from loop.regions import Box

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
