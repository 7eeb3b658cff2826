"""Files and folders that are there whole or not at all, also after their writer was killed."""

from __future__ import annotations

import fcntl
import secrets
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

PREFIX = ".writing-"


def copy_whole(source: Path, target: Path) -> None:
    """Copy a file; *target* is replaced whole or stays as it was."""
    target.parent.mkdir(parents=True, exist_ok=True)
    scratch = target.with_suffix(".tmp")
    shutil.copy(source, scratch)
    scratch.rename(target)


@contextmanager
def scratch_folder(root: Path) -> Iterator[Path]:
    """
    Make a folder in *root*, which is gone afterwards unless it was renamed.

    Those that killed writers left there are removed; one that is in use is left alone.
    """
    root.mkdir(parents=True, exist_ok=True)
    for folder in root.glob(f"{PREFIX}*"):
        if folder.is_dir() and _is_abandoned(folder):
            shutil.rmtree(folder, ignore_errors=True)
            _lock_of(folder).unlink(missing_ok=True)
    scratch = root / f"{PREFIX}{secrets.token_hex(8)}"
    try:
        with _lock_of(scratch).open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)  # before there is a folder that might be taken for abandoned
            scratch.mkdir()
            yield scratch
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
        _lock_of(scratch).unlink(missing_ok=True)


def write_whole(content: bytes, target: Path, *, mode: int = 0o600) -> Path:
    """Write a file and make its folder; return *target*. Only its owner may read it, unless *mode* says otherwise."""
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile(dir=target.parent, prefix=".", delete=False) as scratch:
        scratch.write(content)
    path = Path(scratch.name)
    path.chmod(mode)
    return path.rename(target)


def _lock_of(scratch: Path) -> Path:
    return scratch.with_name(f"{scratch.name}.lock")


def _is_abandoned(scratch: Path) -> bool:
    """Whether nobody holds the lock of a folder: its writer is dead."""
    try:
        with _lock_of(scratch).open() as lock:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except FileNotFoundError:
        return True
    except OSError:  # held
        return False
    return True
