"""Archives of weights, good and bad, and a project with two versions."""

import io
import tarfile

from loop.regions import Box
from loop.serving.refresh import is_due, refresh
from tests.builders import ls_task
from tests.fakes import FakeDetectors, FakeImages
from tests.registry.fakes import Choosy
from tests.swap import swap


def packed(path, *members):
    """An archive of members: (name, content), or a TarInfo for what is no plain file."""
    with tarfile.open(path, "w:gz") as tar:
        for member in members:
            if isinstance(member, tarfile.TarInfo):
                tar.addfile(member)
                continue
            name, content = member
            info = tarfile.TarInfo(name)
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
    return path


def special(name, kind, target=""):
    """A member that is a link or a device."""
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, target
    return info


def serve_second_version(rooms, weights):
    """A project with two versions, the newer of which serves, and three open tasks; *weights* writes a file."""
    rooms.registry.versions.promote(1, rooms.registry.versions.add(1, weights(b"old")).name, "first")
    rooms.registry.versions.promote(1, rooms.registry.versions.add(1, weights(b"new")).name, "better")
    ready = swap(
        rooms,
        (rooms.studio.client, Choosy([ls_task(n) for n in range(1, 4)])),
        (rooms.registry.detectors, FakeDetectors((Box(0, 0, 0.5, 0.5), "car", 0.9))),
        (rooms.vision.images, FakeImages()),
    )
    refresh(ready.serving, 1)
    return ready


def due(rooms):
    return is_due(rooms.serving, rooms.studio.projects.get(1))


def served(rooms):
    """What serves, and what Label Studio's queue follows."""
    return rooms.registry.versions.champion(1).name, rooms.studio.client.fields["model_version"]
