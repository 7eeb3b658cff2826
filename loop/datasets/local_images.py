"""Finds the images of an export in a folder of this machine."""

from __future__ import annotations

import hashlib
import os
import unicodedata
from collections import defaultdict
from functools import lru_cache
from pathlib import Path

from loop.datasets.snapshots import LabelledImage
from loop.errors import ImageUnreadable
from loop.once import Once
from loop.storage.files import write_whole
from loop.vision.addresses import file_paths, find_query, identify, is_inline, original_name, read_inline, stored_name
from loop.vision.image_files import ImageFile, prepare_file

NAMED = 3  # files that a message names

Parts = tuple[str, ...]
Place = tuple[Parts, str]  # the path of an address, and its query


class LocalImages:
    """
    Finds the file of an address in a folder, and never one outside it.

    A file belongs to an address that ends with the file's path within the folder. The file of an upload may also have
    its name from before the upload, in any folder.
    """

    def __init__(self, root: Path, prepared: Path, most_pixels: int) -> None:
        self._root, self._prepared, self._most_pixels = str(root.resolve()).rstrip("/"), prepared, most_pixels
        self._tasks: dict[str, list[tuple[int, Place]]] = defaultdict(list)  # by file: tasks and addresses
        self._files = Once(self._list_files)
        self._uploads = Once(self._list_uploads)

    def store(self, address: str) -> str:
        """Write the image of a `data:` URI to a file and return its identity; return other addresses unchanged."""
        if not is_inline(address):
            return address
        try:
            content = read_inline(address)
        except ValueError as error:
            raise ImageUnreadable(identify(address), str(error)) from error
        write_whole(content, self._inline_path(identify(address)))
        return identify(address)

    def find(self, item: LabelledImage) -> ImageFile:
        """Return the image of a task, ready for a dataset. Raises ImageError."""
        address = item.image
        if is_inline(address):
            path = self._inline_path(address)
        else:
            path, parts = self._find_file(address)
            self._tasks[str(path)].append((item.task_id, _read_place(parts, find_query(address))))
        return prepare_file(path, address, self._most_pixels, self._prepared)

    def find_contradictions(self) -> dict[int, str]:
        """
        Return the tasks whose file matches several addresses, with the reason; at most one address can be right.

        An example is a file `a.jpg` with tasks that show `one/a.jpg` and `other/a.jpg`, or `a.jpg?t=1` and `a.jpg?t=2`.
        """
        contradicted: dict[int, str] = {}
        for path, tasks in self._tasks.items():
            places = {place for _, place in tasks}
            longest, query = max(places, key=lambda place: (len(place[0]), place))
            others = [place for place in places if place[1] != query or longest[-len(place[0]) :] != place[0]]
            if others:
                either = f"{_write_place((longest, query))} or of {_write_place(min(others))}"
                reason = f"{path} may be the image of {either}: put each into a folder of its name"
                contradicted |= {task_id: reason for task_id, _ in tasks}
        return contradicted

    def _inline_path(self, identity: str) -> Path:
        return self._prepared / f"inline-{hashlib.sha256(identity.encode()).hexdigest()}"

    def _find_file(self, address: str) -> tuple[Path, Parts]:
        """The file of an address, and the path that matched."""
        candidates = file_paths(address)
        for parts in candidates:
            for start in range(len(parts)):
                path = "/".join((self._root, *parts[start:]))
                if os.path.isfile(path) and self._is_inside(path):  # noqa: PTH113 (a Path would take as long as the rest)
                    return Path(path), parts
        for parts in candidates:
            files = self._find_similar_files(parts)
            if len(files) > 1:
                names = ", ".join(map(str, files[:NAMED])) + ", …" * (len(files) > NAMED)
                raise ImageUnreadable(address, f"it may be any of {len(files)} files: {names}; keep its own alone")
            if files:
                return files[0], parts
        raise ImageUnreadable(address, f"no such file in {self._root}: put it there, or name its folder by --images")

    def _find_similar_files(self, parts: Parts) -> list[Path]:
        """The files whose path ends *parts* up to Unicode form, or else the files that an upload may come from."""
        wanted_parts = tuple(map(_compose, parts))
        files = self._files.get().get(wanted_parts[-1], [])
        suffixes = [
            path_parts for path_parts in files if wanted_parts[-len(path_parts) :] == tuple(map(_compose, path_parts))
        ]
        longest = max(map(len, suffixes), default=0)
        matches = [path_parts for path_parts in suffixes if len(path_parts) == longest]
        original = original_name(wanted_parts)
        if original and not matches:
            matches = files or self._uploads.get().get(original, [])
        return [Path(self._root, *path_parts) for path_parts in matches]

    def _list_files(self) -> dict[str, list[Parts]]:
        """The paths within the folder, by file name."""
        by_name: dict[str, list[Parts]] = defaultdict(list)
        for folder, _, names in os.walk(self._root):
            above = tuple(part for part in folder[len(self._root) :].split("/") if part)
            for name in sorted(names):
                if self._is_inside(f"{folder}/{name}"):
                    by_name[_compose(name)].append((*above, name))
        return dict(by_name)

    def _list_uploads(self) -> dict[str, list[Parts]]:
        """The paths within the folder, by the name that Label Studio gives an upload."""
        by_name: dict[str, list[Parts]] = defaultdict(list)
        for name, files in self._files.get().items():
            by_name[stored_name(name)] += files
        return dict(by_name)

    def _is_inside(self, path: str) -> bool:
        folder, name = path.rsplit("/", 1)
        real = os.path.realpath(path) if os.path.islink(path) else f"{_resolve(folder)}/{name}"  # noqa: PTH114
        return real.startswith(f"{self._root}/")


def _read_place(parts: Parts, query: str) -> Place:
    """Return a path and the query behind it; a file may have the query in its name."""
    return tuple(map(_compose, parts)), "" if "/".join(parts).endswith(f"?{query}") else query


def _write_place(place: Place) -> str:
    path = "/".join(place[0])
    return f"{path}?{place[1]}" if place[1] else path


def _compose(text: str) -> str:
    """Compose accented letters, which systems write in one or two characters."""
    return unicodedata.normalize("NFC", text)


@lru_cache(maxsize=1024)
def _resolve(folder: str) -> str:
    return os.path.realpath(folder)
