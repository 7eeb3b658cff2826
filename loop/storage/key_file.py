"""The key of the installation, in a file that only its owner may read, and the secrets derived from it."""

from __future__ import annotations

import hashlib
import hmac
import os
import secrets
import tempfile
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from loop.errors import PayloadError
from loop.secrecy import add_secret

KEY_FILE = "webhook.key"


@dataclass(frozen=True, slots=True)
class DerivedSecrets:
    """Secrets that follow from one key: *key*, or where it is empty, the key of the installation in *home*."""

    home: Path
    key: str = ""

    def of(self, purpose: str) -> str:
        """Return the secret for a purpose, 64 hexadecimal digits; make the key of the installation if it has none."""
        derived = self._derive(purpose)
        add_secret(derived)
        return derived

    def check(self) -> None:
        """Make the key of the installation if there is none. Raises PayloadError if it cannot be made or read."""
        self._derive("")

    def is_of(self, purpose: str, given: str) -> bool:
        """Whether a text that somebody sent is the secret for a purpose; the time it takes tells nothing about it."""
        derived = self._derive(purpose)
        is_same = hmac.compare_digest(given.encode(), derived.encode())
        if is_same:  # a wrong one adds nothing to what is masked
            add_secret(derived)
        return is_same

    def of_webhook(self, project_id: int) -> str:
        """Return the secret that Label Studio's webhook of a project sends; each project has its own."""
        return self.of(str(project_id))

    def is_of_webhook(self, project_id: int, given: str) -> bool:
        """Whether a text that somebody sent is the secret of a project's webhook."""
        return self.is_of(str(project_id), given)

    def _derive(self, purpose: str) -> str:
        key = self.key or read_or_make_key(self.home)
        return hmac.new(key.encode(), purpose.encode(), hashlib.sha256).hexdigest()


def read_key(home: Path) -> str:
    """Read the key of the installation in *home*; empty where it has no key yet."""
    path = home / KEY_FILE
    return path.read_text() if path.is_file() else ""


def read_or_make_key(home: Path) -> str:
    """
    Read the key of the installation; make it first where it has none, atomically and readable by its owner alone.

    Raises PayloadError.
    """
    path = home / KEY_FILE
    try:
        if not path.exists():
            _make_key(path)
        return path.read_text()
    except OSError as error:
        expected = "a folder in which the key of all logins can be made and read, or LOOP_WEBHOOK_SECRET"
        raise PayloadError("LOOP_HOME", expected, f"{path}: {error.strerror}") from error


def _make_key(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor, temporary = tempfile.mkstemp(dir=path.parent)  # only its owner may read it
    with os.fdopen(descriptor, "w") as file:
        file.write(secrets.token_hex(32))
    with suppress(FileExistsError):  # another process made the key first
        os.link(temporary, path)
    Path(temporary).unlink()
