"""Archives of weights, good and bad."""

import io
import tarfile

from loop.serving.refresh import is_due


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


def due(rooms):
    return is_due(rooms.serving, rooms.studio.projects.get(1))


def served(rooms):
    """What serves, and what Label Studio's queue follows."""
    return rooms.registry.versions.champion(1).name, rooms.studio.client.fields["model_version"]
