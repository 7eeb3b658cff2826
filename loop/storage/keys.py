"""The key of the installation, in the records, and the secrets derived from it."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

from loop.errors import MachineUnfit, PayloadError
from loop.secrecy import add_secret

KEY_FILE = "webhook.key"  # of older versions; taken over into the records
FACT = "key"


class SharedFacts(Protocol):
    """Facts that all machines of the installation share, by name."""

    def get(self, name: str) -> Mapping[str, Any] | None:
        """Return a fact; None where it was never recorded."""

    def settle(self, name: str, value: Mapping[str, Any]) -> Mapping[str, Any]:
        """Record a fact unless it is recorded; return the recorded one."""

    def replace(self, name: str, value: Mapping[str, Any]) -> None:
        """Record a fact in place of the recorded one."""


class DerivedSecrets:
    """
    Secrets that follow from one key, on every machine of the installation: LOOP_WEBHOOK_SECRET, or one in the records.

    Without LOOP_WEBHOOK_SECRET (*given*), the records hold the key: at first that of the file in *home*, which older
    versions made, else a new one. In any case they hold a check of the key in use, which does not disclose it: a
    machine with another key would break the webhooks.
    """

    def __init__(self, store: SharedFacts, home: Path, given: str = "") -> None:
        self._store, self._home, self.given = store, home, given
        self._key = ""

    def of(self, purpose: str) -> str:
        """Return the secret for a purpose, 64 hexadecimal digits. Raises MachineUnfit without the right key."""
        derived = _derive(self.key(), purpose)
        add_secret(derived)
        return derived

    def is_of(self, purpose: str, given: str) -> bool:
        """Whether a text that somebody sent is the secret for a purpose; the time it takes tells nothing about it."""
        derived = _derive(self.key(), purpose)
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

    def key(self) -> str:
        """Return the key; record it first where no machine has. Raises MachineUnfit where this machine lacks it."""
        if not self._key:
            fact = self._store.get(FACT) or self._store.settle(FACT, self._fact({}))
            key = self.given or fact.get("key") or ""
            add_secret(key)
            if not key:
                raise MachineUnfit("LOOP_WEBHOOK_SECRET is not set here, and the records do not hold it: set it")
            if _check(key) != fact.get("check"):
                raise MachineUnfit(
                    "LOOP_WEBHOOK_SECRET is not that of the installation, and its webhooks send another secret: "
                    "set the same on every machine; to change it, start `loop up` with the new one"
                )
            self._key = key
        return self._key

    def lead(self) -> None:
        """Record this machine's key as that of the installation, such as a LOOP_WEBHOOK_SECRET that was changed."""
        fact = self._store.get(FACT)
        if fact and fact != (own := self._fact(fact)):
            self._store.replace(FACT, own)
        self.key()

    def _fact(self, known: Mapping[str, Any]) -> dict[str, str | None]:
        """Return what the records should hold; a key in them stays there."""
        stored = known.get("key") or (None if self.given else read_key(self._home) or secrets.token_hex(32))
        return {"key": stored, "check": _check(self.given or stored or "")}


def read_key(home: Path) -> str:
    """Read the key that an older version left in *home*; empty where there is none. Raises PayloadError."""
    path = home / KEY_FILE
    try:
        return path.read_text()
    except FileNotFoundError:
        return ""
    except OSError as error:
        expected = "a folder in which the key of all logins can be read, or LOOP_WEBHOOK_SECRET"
        raise PayloadError("LOOP_HOME", expected, f"{path}: {error.strerror}") from error


def _derive(key: str, purpose: str) -> str:
    return hmac.new(key.encode(), purpose.encode(), hashlib.sha256).hexdigest()


def _check(key: str) -> str:
    return _derive(key, "check of the key")[:16]
