"""Files and folders that are written whole or not at all, also where the writer is killed."""

from __future__ import annotations

import errno
import hashlib
import os
import secrets
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from filelock import lock_descriptor

PREFIX = ".writing-"
WRITER_FAILED = ("failed writing file", "unexpected pos", "iostream error")  # the errors of torch and OpenVINO
FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)  # where a write fails, Python names no file


def copy_whole(source: Path, target: Path) -> None:
    """Copy a file; *target* is replaced whole or not at all, also where several processes copy to it at once."""
    with scratch_folder(target.parent) as scratch:
        copy = scratch / target.name
        shutil.copyfile(source, copy)
        copy.replace(target)


def copy_folder(source: Path, target: Path) -> Path:
    """Copy a folder to a new one, and return that; the first file that fails ends it, where `copytree` tries all."""

    def stop(error: OSError) -> None:  # else a folder that cannot be read would be left out
        raise error

    for parent, _, names in os.walk(source, onerror=stop):
        folder = target / Path(parent).relative_to(source)
        folder.mkdir()
        for name in names:
            shutil.copy2(Path(parent, name), folder / name)
    return target


def link_file(source: Path | str, target: Path | str) -> bool:
    """Make a hard link; return whether it was made: not on another disk, and not one link too many."""
    with suppress(OSError):
        os.link(source, target)
        return True
    return False


def sha256_of(path: Path) -> str:
    """Return the SHA-256 of a file's content, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@contextmanager
def name_full_disk(path: Path) -> Iterator[None]:
    """Name *path* in the error of a full disk that names no file; torch and OpenVINO do not even name the disk."""
    try:
        yield
    except OSError as error:
        if is_full_disk(error) and error.filename is None:
            error.filename = str(path)
        raise
    except RuntimeError as error:
        if any(sign in str(error) for sign in WRITER_FAILED):
            raise OSError(errno.ENOSPC, "cannot be written (is the disk full?)", str(path)) from error
        raise


def is_full_disk(error: BaseException) -> bool:
    """Whether a disk takes no more, or no larger file."""
    return isinstance(error, OSError) and error.errno in FULL


@contextmanager
def scratch_folder(root: Path) -> Iterator[Path]:
    """
    Make a folder in *root* for the `with` block; it is removed afterwards unless it was renamed.

    Folders that killed writers left in *root* are removed; folders in use are left alone.
    """
    root.mkdir(parents=True, exist_ok=True)
    remove_abandoned(root)
    scratch = root / f"{PREFIX}{secrets.token_hex(8)}"
    try:
        with name_full_disk(root), _lock_of(scratch).open("w") as lock:
            lock_descriptor(lock.fileno())  # before the folder exists: without a lock it would count as abandoned
            scratch.mkdir()
            yield scratch
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
        _lock_of(scratch).unlink(missing_ok=True)


def remove_abandoned(root: Path) -> None:
    """Remove the scratch folders that killed writers left in *root*; folders in use are left alone."""
    for folder in root.glob(f"{PREFIX}*"):
        if folder.is_dir() and _is_abandoned(folder):
            shutil.rmtree(folder, ignore_errors=True)
            _lock_of(folder).unlink(missing_ok=True)


def remove_at_once(folder: Path) -> None:
    """Remove a folder at once; what a kill leaves of it is removed with the folders that killed writers left."""
    gone = folder.rename(folder.parent / f"{PREFIX}{secrets.token_hex(8)}")
    shutil.rmtree(gone, ignore_errors=True)


def write_whole(content: bytes, target: Path, *, mode: int = 0o600) -> Path:
    """Write a file and make its folder; return *target*. Only its owner may read it, unless *mode* says otherwise."""
    target.parent.mkdir(parents=True, exist_ok=True)
    descriptor, name = tempfile.mkstemp(dir=target.parent, prefix=".")
    path = Path(name)
    try:
        with name_full_disk(target), os.fdopen(descriptor, "wb") as scratch:
            scratch.write(content)
        path.chmod(mode)
        return path.replace(target)
    finally:
        path.unlink(missing_ok=True)  # what was written of it: a full disk would get fuller with each try


def _lock_of(scratch: Path) -> Path:
    return scratch.with_name(f"{scratch.name}.lock")


def _is_abandoned(scratch: Path) -> bool:
    """Whether no process holds the lock of a folder: its writer is dead."""
    try:
        with _lock_of(scratch).open() as lock:
            return lock_descriptor(lock.fileno(), blocking=False)
    except FileNotFoundError:
        return True
