"""Gives the filled project images and vectors, so that its boxes can be looked at."""

from loop.crops.suspect_store import SuspectList
from loop.crops.suspicion import SuspectBox, SuspectKind
from loop.errors import ImageUnreadable
from loop.references.index import index
from loop.vision.image_cache import ImageCache
from loop.vision.images import ImageLimits, Images
from tests.backend.dashboard.builders import HOSTILE, PROJECT
from tests.builders import NOON, box, picture, region, served
from tests.references.fakes import FakeReferences
from tests.swap import swap
from tests.vision.fakes import FakeEmbedders

OPEN = range(21, 29)


class OneImage(Images):
    """Serves the same content for every address but those of task 12, and counts how often."""

    def __init__(self):
        super().__init__(None, ImageLimits())
        self.count = 0

    def fetch(self, address, task_id):
        self.count += 1
        if task_id == 12:
            raise ImageUnreadable(address, "HTTP 404")
        return picture((640, 480))


def give_images(app, folder):
    """Give every task an image but task 12; return the images, which count what was fetched."""
    images, rooms = OneImage(), app.extensions["rooms"]
    app.extensions["rooms"] = swap(rooms, (rooms.vision.cache, ImageCache(folder / "images", images)))
    return images


def give_boxes(app):
    """Give every box a vector, and the project open tasks and suspects; return the rooms."""
    rooms = app.extensions["rooms"]
    rooms = swap(rooms, (rooms.vision.embedders, FakeEmbedders()), (rooms.references.milvus, FakeReferences()))
    version = rooms.registry.version_name(rooms.registry.versions.champion(PROJECT))
    for task in OPEN:
        shown = (region(f"o{task}", score=0.3 + task / 100), region(f"h{task}", HOSTILE, box(0.5, 0.5, 0.9, 0.9), 0.4))
        rooms.serving.predictions.append([served(*shown, task=task, project=PROJECT, version=version)])
    index(rooms.references, PROJECT)
    suspects = [
        SuspectBox(kind, task, "/a.jpg", region(f"p{task}", HOSTILE if task == 2 else "Car"), 1 - task / 10, HOSTILE)
        for kind in SuspectKind
        for task in (1, 2, 12)
    ]
    rooms.crops.suspects.replace(PROJECT, SuspectList(version, 12, tuple(suspects), NOON, ("1 images are gone",)))
    app.extensions["rooms"] = rooms
    return rooms
