"""The files of weights, named by their SHA-256: on this machine, and in the store that its other machines reach."""

from __future__ import annotations

import os
import shutil
import uuid
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

from loop.errors import DamagedWeights, MissingWeights, PayloadError
from loop.storage.file_store import FileStore
from loop.storage.files import PREFIX, remove_abandoned, sha256_of
from loop.vision.cpu.model_file import SUFFIX

ABANDONED = timedelta(hours=1)  # a file without a version that is older was left by a crash


class WeightsFiles:
    """The weights under *root*, in a folder for each project."""

    def __init__(self, root: Path, store: FileStore) -> None:
        self.root, self._store = root, store

    def folder(self, project_id: int) -> Path:
        """Return the folder of the weights of a project on this machine."""
        return self.root / str(project_id)

    def add(self, project_id: int, weights: Path, expected: str | None) -> Path:
        """
        Copy weights, or an export of some, to their place, synced to disk, under the SHA-256 of the copy, and put them
        in the store.

        Raises DamagedWeights where the copy has another SHA-256 than *expected*.
        """
        folder = self.folder(project_id)
        folder.mkdir(parents=True, exist_ok=True)
        half = folder / f"{uuid.uuid4().hex}.half"
        try:
            shutil.copyfile(weights, half)
            with half.open("rb") as file:
                os.fsync(file.fileno())
            sha256 = sha256_of(half)
            if expected not in (None, sha256):
                raise _damaged("new weights", weights, str(expected), sha256)
            suffix = SUFFIX if weights.suffix == SUFFIX else ".pt"
            path = half.replace(folder / f"{sha256}{suffix}")
        finally:
            half.unlink(missing_ok=True)
        self._store.put(path)
        return path

    def bring(self, path: Path, sha256: str) -> Path:
        """
        Return a path under which the weights are on this machine, if the store has them.

        Raises StoreDown, and DamagedWeights where they are damaged in the store.
        """
        if not path.exists():
            self._get(path, sha256)
        return path

    def verify(self, name: str, path: Path, sha256: str) -> None:
        """Check weights; those that are missing or damaged on this machine are brought from the store."""
        try:
            verify(name, path, sha256)
        except (MissingWeights, DamagedWeights):
            if not self._get(path, sha256):
                raise

    def _get(self, path: Path, sha256: str) -> bool:
        try:
            return self._store.get(path, sha256=sha256)
        except PayloadError as error:
            raise DamagedWeights(str(error)) from error

    def put_all(self) -> None:
        """Put all weights of this machine, and their exports, in the store."""
        for path in sorted([*self.root.glob("*/*.pt"), *self.root.glob(f"*/*{SUFFIX}")]):
            self._store.put(path)

    def remove_abandoned(self, project_id: int, list_registered: Callable[[], set[Path]]) -> int:
        """Delete the files that a crash left without a version, here and in the store; return their number."""
        folder, before = self.folder(project_id), datetime.now(UTC) - ABANDONED
        remove_abandoned(folder)
        files = (path for path in folder.glob("*") if path.is_file() and not path.name.startswith(PREFIX))
        here = {path for path in files if path.stat().st_mtime < before.timestamp()}
        stored = {path for path, put_at in self._store.list(folder).items() if put_at < before}
        registered = list_registered() if here or stored else set()
        for path in here - registered:
            path.unlink(missing_ok=True)
        for path in stored - registered:  # never for being old here: another machine may have put it just now
            self._store.delete(path)
        return len((here | stored) - registered)


def verify(name: str, path: Path, sha256: str) -> None:
    """Raise MissingWeights without the file of a version, DamagedWeights where it has another SHA-256."""
    try:
        found = sha256_of(path)
    except FileNotFoundError as error:
        advice = "share LOOP_HOME, or the files by LOOP_STORE, with the machine that has it, or restore a backup"
        raise MissingWeights(f"{name}: {path} is not on this machine: {advice}") from error
    except OSError as error:
        found = f"none ({error.strerror})"
    if found != sha256:
        raise _damaged(name, path, sha256, found)


def _damaged(name: str, path: Path, expected: str, found: str) -> DamagedWeights:
    return DamagedWeights(f"{name}: {path} is damaged: expected SHA-256 {expected}, found {found}")
