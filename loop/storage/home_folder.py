"""The folder of an installation, LOOP_HOME: it and all in it are for its owner only."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from loop.errors import PayloadError
from loop.setting_text import DEFAULT_HOME, strip_folder

OTHERS = 0o077  # the bits of a mode that let other users in
ROOT = 0  # may read everything anyway; one of its files is no sign of an intruder
SIGNS = ("loop.sqlite3", "up.lock", "webhook.key", "installation.id")  # an installation has at least one of them


def find_home() -> Path:
    """Return the LOOP_HOME of this environment, without reading the other settings."""
    folder = strip_folder(os.environ.get("LOOP_HOME", "")) or DEFAULT_HOME
    return Path(os.path.expanduser(folder)).absolute()  # noqa: PTH111 (pathlib's own fails for an unknown user)


def make_home(home: Path) -> None:
    """
    Make the folder of an installation. From now on this process and its children make files for their owner only.

    A folder that other users can enter, such as one of an earlier version, is closed with all that is in it. Raises
    PayloadError for a folder of another user, and for an open one that is no installation: it may be a shared one.
    """
    os.umask(OTHERS)
    try:
        home.mkdir(parents=True, exist_ok=True)
        if not hasattr(os, "geteuid"):  # Windows: a folder of a user's profile is closed to others
            return
        _check_owner(home, os.geteuid())
        if home.stat().st_mode & OTHERS:
            _check_content(home)
            _close(home)
    except OSError as error:
        raise PayloadError("LOOP_HOME", "a folder that can be made and written", f"{home}: {error.strerror}") from error


def _close(home: Path) -> None:
    """Take the rights of other users from all in a folder, then from itself: an open folder is not yet closed whole."""
    for path in _walk(home):
        with suppress(FileNotFoundError):  # removed meanwhile
            _check_owner(path, os.geteuid(), ROOT)
            if path.stat().st_uid == os.geteuid():
                path.chmod(path.stat().st_mode & 0o7777 & ~OTHERS)
    home.chmod(home.stat().st_mode & 0o7777 & ~OTHERS)


def _walk(folder: Path) -> Iterator[Path]:
    """Yield all files and folders in a folder; links are not followed."""
    for parent, folders, files in os.walk(folder):
        paths = (Path(parent, name) for name in (*folders, *files))
        yield from (path for path in paths if not path.is_symlink())


def _check_owner(path: Path, *owners: int) -> None:
    if (owner := path.stat().st_uid) not in owners:
        expected = f"a folder of uid {os.geteuid()}, who runs this (run it as the owner, or set another folder)"
        raise PayloadError("LOOP_HOME", expected, f"one of uid {owner}: {path}")


def _check_content(home: Path) -> None:
    names = {path.name for path in home.iterdir()} - {"lost+found"}
    if names and names.isdisjoint(SIGNS):
        expected = "a folder of its own (set another one, or take the rights of other users from it with chmod 700)"
        raise PayloadError("LOOP_HOME", expected, f"an open one with {min(names)} in it: {home}")
