"""The place of the files of an installation: LOOP_HOME or a store, identified by a mark in it."""

from __future__ import annotations

import os
import secrets
import socket
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import sqlalchemy as sa

from loop.errors import MachineUnfit
from loop.storage.database import connect
from loop.storage.exchange_tables import installation
from loop.storage.file_store import MARK, FileStore
from loop.storage.files import write_whole
from loop.storage.installation_store import InstallationStore
from loop.storage.keys import DerivedSecrets

FILES = "files"  # the fact in the records
COPY = "copy"  # the fact in records that were restored: its id is in no other records
BEGUN = "adopting"  # the mark of a store that does not have all files yet


@dataclass(frozen=True, slots=True)
class FilePlace:
    """The place of weights, datasets and reports: the store *files* if it is used, else *home*."""

    facts: InstallationStore
    keys: DerivedSecrets
    home: Path
    files: FileStore
    is_shared: bool

    def check(self) -> None:
        """
        Raise MachineUnfit where the files of the installation are elsewhere, StoreDown where the store fails.

        The first place that is checked is recorded as theirs.
        """
        if not self.is_shared and not self.files.is_used:
            return
        self.files.check()
        recorded = self.facts.get(FILES) or self.facts.settle(FILES, self._own())
        if recorded["id"] != (self.files.read_mark() if self.files.is_used else _read_mark(self.home)):
            here = f"LOOP_STORE {self.files.place}" if self.files.is_used else f"LOOP_HOME {self.home}"
            raise MachineUnfit(
                f"{here} does not have the files of the installation (weights, datasets, reports); they are in "
                f"{recorded['place']}: {self._find_way(recorded['place'])}; if that is lost for ever, run "
                "`loop adopt` here"
            )

    def check_folder(self) -> None:
        """Raise MachineUnfit where a shared LOOP_HOME went away; a store is asked where a file is needed."""
        if not self.files.is_used:
            self.check()

    def adopt(self, put_all: Callable[[], None]) -> str:
        """
        Record that the files of the installation are here from now on; return where they were.

        With a store, *put_all* puts the files of this machine in it first. If it is killed before all
        are in the store, the store is refused until this is run again.
        """
        before = self.facts.get(FILES) or {}
        if self.files.is_used:
            if self.files.read_mark() != self._own_id():
                self.files.write_mark(BEGUN)
            put_all()
            self.files.write_mark(self._own_id())
        self.facts.replace(FILES, self._own())
        return str(before.get("place", "nowhere"))

    def _find_way(self, place: str) -> str:
        if "://" in place:
            return "set LOOP_STORE to it"
        if self.files.is_used:
            return "run `loop adopt` on the machine that has them, which copies them to the store"
        return "share that folder with this machine and set LOOP_HOME to it"

    def _own(self) -> dict[str, str]:
        """Return the fact about this place, which gets its mark. Raises MachineUnfit."""
        if not self.files.is_used:
            mark = _read_mark(self.home) or _make_mark(self.home)
            return {"id": mark, "place": f"{socket.gethostname()}:{self.home}"}
        mark, own = self.files.read_mark(), self._own_id()
        if mark == BEGUN:
            raise MachineUnfit(f"LOOP_STORE {self.files.place} has only a part of the files: run `loop adopt` again")
        if mark not in ("", own):
            advice = (
                "set an address of its own; run `loop adopt` here only if they are the files of this installation, or "
                "of the one that was restored here from a backup and no longer runs"
            )
            raise MachineUnfit(f"LOOP_STORE {self.files.place} has the files of another installation: {advice}")
        if not mark and any(self.home.glob("weights/*/*.pt")):
            advice = "run `loop adopt` here, which copies them to the store"
            raise MachineUnfit(f"LOOP_STORE {self.files.place} lacks the files that are in LOOP_HOME: {advice}")
        if not mark:
            self.files.write_mark(own)
        return {"id": own, "place": self.files.place}

    def _own_id(self) -> str:
        """Return the id of this installation's files in a store: the same on all its machines, and nowhere else."""
        copy = self.facts.get(COPY) or {}
        return self.keys.of(" ".join(["files", *copy.values()]))[:32]


def name_copy(records: Path) -> None:
    """Let restored records in SQLite have files of their own: the installation that was saved may still run."""
    engine = connect(sa.URL.create("sqlite", database=str(records)))
    try:
        if sa.inspect(engine).has_table(installation.name):
            facts = InstallationStore(engine)
            facts.replace(COPY, {"id": secrets.token_hex(16)})
            facts.remove(FILES)
    finally:
        engine.dispose()


def _read_mark(home: Path) -> str:
    path = home / MARK
    return path.read_text().strip() if path.is_file() else ""


def _make_mark(home: Path) -> str:
    own = secrets.token_hex(16)
    scratch = write_whole(f"{own}\n".encode(), home / f"{MARK}.{own}")
    with suppress(FileExistsError):  # another process made the mark first
        os.link(scratch, home / MARK)
    scratch.unlink()
    return _read_mark(home)
