"""The images of an export in a folder of this machine."""

from __future__ import annotations

import hashlib
import os
import unicodedata
from collections import defaultdict
from functools import cached_property, lru_cache
from pathlib import Path

from loop.datasets.snapshots import LabelledImage
from loop.errors import ImageUnreadable
from loop.vision.addresses import file_paths, identify, is_inline, original_name, read_inline, stored_name
from loop.vision.image_files import ImageFile, prepare_file, write_whole

NAMED = 3  # files that a message names

Parts = tuple[str, ...]


class LocalImages:
    """
    Finds the file of an address in a folder, and never one outside it.

    A file is an image's where its path within the folder is how the address ends. An upload's may also be named as
    before the upload, in any folder.
    """

    def __init__(self, root: Path, prepared: Path, most_pixels: int) -> None:
        self._root, self._prepared, self._most_pixels = str(root.resolve()).rstrip("/"), prepared, most_pixels
        self._tasks: dict[str, list[tuple[int, str]]] = defaultdict(list)  # and addresses that a file was found for

    def keep(self, address: str) -> str:
        """Put the image of a `data:` URI into a file and return the URI's identity; other addresses stay."""
        if not is_inline(address):
            return address
        try:
            content = read_inline(address)
        except ValueError as error:
            raise ImageUnreadable(identify(address), str(error)) from error
        write_whole(content, self._inline(identify(address)))
        return identify(address)

    def find(self, item: LabelledImage) -> ImageFile:
        """Return the image of a task, ready for a dataset. Raises ImageError."""
        address = item.image
        if is_inline(address):
            path = self._inline(address)
        else:
            path, parts = self._find(address)
            self._tasks[str(path)].append((item.task_id, "/".join(parts)))
        return prepare_file(path, address, self._most_pixels, self._prepared)

    def contradictions(self) -> dict[int, str]:
        """
        Name the tasks whose file is claimed by several addresses, of which at most one can mean it, and say so.

        That is a file `a.jpg` where tasks show `one/a.jpg` and `other/a.jpg`.
        """
        wrong: dict[int, str] = {}
        for path, tasks in self._tasks.items():
            longest = max((text for _, text in tasks), key=lambda text: (len(text), text))
            others = {text for _, text in tasks if not f"/{longest}".endswith(f"/{text}")}
            if others:
                why = f"{path} may be the image of {longest} or of {min(others)}: put each into a folder of its name"
                wrong |= {task_id: why for task_id, _ in tasks}
        return wrong

    def _inline(self, identity: str) -> Path:
        return self._prepared / f"inline-{hashlib.sha256(identity.encode()).hexdigest()}"

    def _find(self, address: str) -> tuple[Path, Parts]:
        """The file of an address, and the path by which it was found."""
        candidates = file_paths(address)
        for parts in candidates:
            for start in range(len(parts)):
                near = "/".join((self._root, *parts[start:]))
                if os.path.isfile(near) and self._is_inside(near):  # noqa: PTH113 (a Path would take as long as the rest)
                    return Path(near), parts
        for parts in candidates:
            files = self._alike(parts)
            if len(files) > 1:
                named = ", ".join(map(str, files[:NAMED])) + ", …" * (len(files) > NAMED)
                raise ImageUnreadable(address, f"it may be any of {len(files)} files: {named}; keep its own alone")
            if files:
                return files[0], parts
        raise ImageUnreadable(address, f"no such file in {self._root}: put it there, or name its folder by --images")

    def _alike(self, parts: Parts) -> list[Path]:
        """The files whose path is how *parts* end but for the form of letters; else those that an upload may be of."""
        wanted = tuple(map(_normal, parts))
        files = self._files.get(wanted[-1], [])
        ending = [one for one in files if wanted[-len(one) :] == tuple(map(_normal, one))]
        longest = max(map(len, ending), default=0)
        alike = [one for one in ending if len(one) == longest]
        original = original_name(wanted)
        if original and not alike:
            alike = files or self._uploads.get(original, [])
        return [Path(self._root, *one) for one in alike]

    @cached_property
    def _files(self) -> dict[str, list[Parts]]:
        """The path within the folder of each file, by its name."""
        found: dict[str, list[Parts]] = defaultdict(list)
        for folder, _, names in os.walk(self._root):
            above = tuple(part for part in folder[len(self._root) :].split("/") if part)
            for name in sorted(names):
                if self._is_inside(f"{folder}/{name}"):
                    found[_normal(name)].append((*above, name))
        return dict(found)

    @cached_property
    def _uploads(self) -> dict[str, list[Parts]]:
        """The same by the name that the file would have as an upload."""
        found: dict[str, list[Parts]] = defaultdict(list)
        for name, files in self._files.items():
            found[stored_name(name)] += files
        return dict(found)

    def _is_inside(self, path: str) -> bool:
        folder, name = path.rsplit("/", 1)
        real = os.path.realpath(path) if os.path.islink(path) else f"{_real(folder)}/{name}"  # noqa: PTH114
        return real.startswith(f"{self._root}/")


def _normal(text: str) -> str:
    """Letters with accents have one form or two, as the system that made the name has it."""
    return unicodedata.normalize("NFC", text)


@lru_cache(maxsize=1024)
def _real(folder: str) -> str:
    return os.path.realpath(folder)
