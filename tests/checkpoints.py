"""Files and archives of weights, good and bad ones."""

import io
import pickle
import tarfile
import zipfile

HARMLESS = pickle.dumps({"model": None, "epoch": -1}, 2)
LAYER = b"cultralytics.nn.tasks\nDetectionModel\n"


class Running:
    """What runs a function when it is unpickled."""

    def __init__(self, function, *arguments):
        self._call = function, arguments

    def __reduce__(self):
        return self._call


def checkpoint(path, pickled=HARMLESS, *, compress=zipfile.ZIP_STORED, **more):
    """A file as torch.save writes it, with a pickle of ours."""
    with zipfile.ZipFile(path, "w", compress) as file:
        for name, content in {"data.pkl": pickled, "version": b"3\n", "data/0": b"\0" * 64, **more}.items():
            file.writestr(f"best/{name}", content)
    return path


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
