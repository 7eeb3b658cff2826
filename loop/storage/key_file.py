"""The key of the installation, in a file that only its owner may read."""

from __future__ import annotations

import os
import secrets
import tempfile
from contextlib import suppress
from pathlib import Path

KEY_FILE = "webhook.key"


def read_key(home: Path) -> str:
    """Read the key of the installation in *home*; empty where it has no key yet."""
    path = home / KEY_FILE
    return path.read_text() if path.is_file() else ""


def read_or_make_key(home: Path) -> str:
    """Read the key of the installation; make it first where it has none, atomically and readable by its owner alone."""
    path = home / KEY_FILE
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor, temporary = tempfile.mkstemp(dir=path.parent)  # only its owner may read it
        with os.fdopen(descriptor, "w") as file:
            file.write(secrets.token_hex(32))
        with suppress(FileExistsError):  # another process made the key first
            os.link(temporary, path)
        Path(temporary).unlink()
    return path.read_text()
