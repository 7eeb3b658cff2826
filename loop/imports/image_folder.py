"""The files of a dataset's folder, and never one outside it."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Sequence
from pathlib import Path, PurePosixPath

from loop.errors import PayloadError
from loop.imports.name_index import NameIndex, split_name

IMAGES = frozenset(
    (".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".bmp", ".webp", ".gif", ".tif", ".tiff", ".avif", ".mpo", ".dib")
)
NAMED = 3  # files that a message names
TILES, LISTED = "tiles", "items.jsonl"  # of a dataset that was made here: its tiles, and the list of its items


class ImageFolder:
    """
    The images and other files below a folder, by their paths within it, sorted.

    Links are followed to files within the folder only. A name from a dataset is looked up among these files: no `..`
    and no absolute path leads to another. The tiles of a dataset that was made here are left out: they are parts of its
    images.
    """

    def __init__(self, root: Path) -> None:
        if not root.is_dir():
            raise PayloadError(str(root), "a folder with a dataset", "no folder")
        self.root = root.resolve()
        self.files = sorted(self._walk())
        self.images = [name for name in self.files if PurePosixPath(name).suffix.lower() in IMAGES]
        self._index = NameIndex((PurePosixPath(name).parts, name) for name in self.images)
        self._known = frozenset(self.images)

    def path(self, name: str) -> Path:
        """Return the path of a file by its path within the folder."""
        return self.root / name

    def list_files(self, *suffixes: str) -> list[str]:
        """Return the files that end with any of *suffixes*, which are in lower case, in any case."""
        return [name for name in self.files if name.lower().endswith(suffixes)]

    def find(self, name: str, beside: Iterable[str], hint: str = "") -> tuple[Path | None, str]:
        """
        Return the image that a dataset calls *name*, or None and why there is none.

        The image may lie in a folder of *beside*, or anywhere: then its path ends with *name*, or with its file name.
        Of several, the one in a folder that *hint* names is meant. *name* may lack its suffix.
        """
        parts = split_name(name)
        if not parts:
            return None, "the labels name no image"
        for folder in beside:
            exact = "/".join((*split_name(folder), *parts))
            if exact in self._known:
                return self.root / exact, ""
        found = self._index.find(parts)
        if hint and len(found) > 1:
            found = [
                file for file in found if any(_is_named(part, hint) for part in PurePosixPath(file).parts[:-1])
            ] or found
        if len(found) == 1:
            return self.root / found[0], ""
        return None, explain_choice(found) if found else "no file of this name in the folder"

    def _walk(self) -> Iterable[str]:
        for folder, folders, names in os.walk(self.root):
            folders[:] = [name for name in folders if not name.startswith((".", "__MACOSX"))]
            if LISTED in names and Path(folder, TILES, LISTED).is_file():
                folders[:] = [name for name in folders if name != TILES]
            for name in names:
                path = Path(folder, name)
                if not name.startswith(".") and (not path.is_symlink() or self._is_inside(path)) and path.is_file():
                    yield path.relative_to(self.root).as_posix()

    def _is_inside(self, link: Path) -> bool:
        return link.resolve().is_relative_to(self.root)


def _is_named(folder: str, hint: str) -> bool:
    """Whether a hint names a folder as words of their own, perhaps with a year: `train` in `instances_train2017`."""
    return re.search(rf"(?<![^\W_]){re.escape(folder)}(?:(?<!\d)\d{{4}})?(?![^\W_])", hint) is not None


def explain_choice(found: Sequence[str]) -> str:
    """Say that a name may mean any of several files."""
    names = ", ".join(found[:NAMED]) + ", …" * (len(found) > NAMED)
    return f"it may be any of {len(found)} files: {names}"
