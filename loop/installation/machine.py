"""Whether this machine has the files, keys, services and code of the installation that it works for."""

from __future__ import annotations

import hashlib
import os
import socket
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, inspect

import loop
from loop.errors import MachineUnfit, StoreDown
from loop.installation.upkeep.file_place import FilePlace
from loop.installation.upkeep.lease import Lease
from loop.storage import database
from loop.storage.exchange_tables import installation
from loop.storage.file_store import FileStore
from loop.storage.installation_store import InstallationStore
from loop.storage.keys import DerivedSecrets
from loop.vision.embedders import DEFAULT, NONE

PLACE, SOFTWARE = "machine", "software"  # names of facts in the records
MISSING = "missing"
PACKAGES = ("label-studio-yolo-loop", "torch", "ultralytics-opencv-headless", "openvino", "rq", "sqlalchemy")
SAME_CODE = "install the same version on every machine, and start `loop up` or `loop schedule` first"
BOOT = Path("/proc/sys/kernel/random/boot_id")  # the same in all containers of a machine


@dataclass(frozen=True, slots=True)
class Machine:
    """
    This machine as a member of the installation.

    *files* is the store of files, or none: then they are in *home*. *is_shared* says whether other machines can have
    the same records: they stand outside of *home*. *milvus* is LOOP_MILVUS_URI, *embedder* is LOOP_EMBEDDER, None where
    nothing is embedded, and *answers* asks Milvus.
    """

    engine: Engine
    facts: InstallationStore
    keys: DerivedSecrets
    home: Path
    files: FileStore
    is_shared: bool
    milvus: str
    embedder: str | None
    answers: Callable[[], bool]

    def lead(self) -> None:
        """
        Record what the other machines need to have: this one has the schedule, or runs the whole installation.

        Raises MachineUnfit, and records nothing, where the files of the installation are elsewhere; StoreDown.
        """
        self.place.check()
        self.keys.lead()
        if self.is_shared:
            self.facts.replace(PLACE, _where())
            self.facts.replace(SOFTWARE, self._software())

    @contextmanager
    def lead_alone(
        self, give_up: Callable[[], None], say: Callable[[str], None], is_stopping: Callable[[], bool]
    ) -> Iterator[None]:
        """
        Lead for the `with` block, with the records up to date.

        Raises MachineUnfit with the name of another machine that leads. *give_up* is called if another one
        began to lead, because this one was silent for too long.
        """
        with ExitStack() as stack:
            if self.is_shared:
                if not inspect(self.engine).has_table(installation.name):
                    database.migrate(self.engine.url)
                here = {**_where(), "folder": _identify(self.home)}
                stack.enter_context(Lease(self.facts).hold(here, give_up, say, is_stopping))
            database.migrate(self.engine.url)
            self.lead()
            yield

    def join(self, *, may_lead: bool = False) -> None:
        """
        Raise MachineUnfit, with all that is missing, where this machine cannot work for the installation.

        *may_lead* lets the web part of a single machine record its key.
        """
        self.update_records()
        if may_lead and not self.is_shared:
            self.keys.lead()
        if problems := self.problems():
            raise MachineUnfit(f"this machine cannot work for the installation: {'; '.join(problems)}")

    def update_records(self) -> None:
        """
        Give new records their tables, and bring those in LOOP_HOME up to date.

        Records that other machines have too are upgraded by the machine that leads alone. Raises MachineUnfit where
        they have another revision than the code here.
        """
        if not self.is_shared or database.revision(self.engine) is None:
            database.migrate(self.engine.url)
        elif problem := self._compare_revisions():
            raise MachineUnfit(problem)

    @property
    def embeds(self) -> bool:
        """Whether vectors are made here, so that Milvus is needed."""
        return self.embedder is not None

    @property
    def place(self) -> FilePlace:
        """Where the files of the installation are."""
        return FilePlace(self.facts, self.keys, self.home, self.files, self.is_shared)

    def problems(self) -> list[str]:
        """Return what this machine lacks, a sentence each."""
        if problem := self._compare_revisions():
            return [problem] if self.is_shared else []  # a single machine upgrades its records by any command
        try:
            self.keys.key()
        except MachineUnfit as error:
            return [str(error), *self._other_problems()]
        return self._other_problems()

    def _compare_revisions(self) -> str:
        recorded = database.revision(self.engine)
        is_newest = recorded == database.NEWEST
        differs = f"the records have revision {recorded or 'none'}, the code here {database.NEWEST}: {SAME_CODE}"
        return "" if is_newest else differs

    def _other_problems(self) -> list[str]:
        lacking = []
        try:
            self.place.check()
        except (MachineUnfit, StoreDown) as error:
            lacking.append(str(error))
        return [*lacking, *(self._differences(has_files=not lacking) if self.is_shared else ())]

    def _differences(self, *, has_files: bool) -> Iterator[str]:
        leader, software = self.facts.get(PLACE) or {}, self.facts.get(SOFTWARE) or {}
        is_leader = has_files and _is_here(leader)
        if self.embeds and not self.milvus and leader and not is_leader:
            yield (
                f"LOOP_MILVUS_URI is not set: the embedded Milvus serves {leader.get('host')} alone. Start a Milvus "
                "that all machines reach, and set LOOP_MILVUS_URI on all of them"
            )
        if self.embeds and self.milvus and not is_leader and not self.answers():
            yield f"Milvus at {self.milvus} does not answer from here: start it, or correct LOOP_MILVUS_URI"
        yield from _compare(self._software(), software)

    def _software(self) -> dict[str, str]:
        """Return what must be the same on all machines, by name."""
        return {
            **{name: find_version(name).partition("+")[0] for name in PACKAGES},  # without the device it is built for
            "the code": _digest(Path(loop.__file__).parent),
            "LOOP_EMBEDDER": NONE if self.embedder is None else self.embedder or self.facts.embedder() or DEFAULT,
            "LOOP_MILVUS_URI": "set" if self.milvus else "not set",
        }


def find_version(package: str) -> str:
    """Return the version of a package here, or MISSING."""
    try:
        return version(package)
    except PackageNotFoundError:
        return MISSING


def _compare(here: Mapping[str, str], there: Mapping[str, Any]) -> Iterator[str]:
    """Yield a sentence for each entry that differs; entries that other code does not know are left out."""
    for name, value in here.items():
        if name in there and there[name] != value:
            yield f"{name} is {value} here and {there[name]} where the schedule runs: {SAME_CODE}"


def _where() -> dict[str, str]:
    return {"host": socket.gethostname(), "boot": _boot()}


def _is_here(leader: Mapping[str, Any]) -> bool:
    """Whether the installation's first machine is this one; of a container only the kernel may be the same."""
    return leader.get("host") == socket.gethostname() or leader.get("boot") == _boot() != ""


def _identify(folder: Path) -> str:
    """Return an id of a folder, unique on this machine: containers may have different folders at one path."""
    facts = folder.stat()
    return f"{facts.st_dev}:{facts.st_ino}"


def _boot() -> str:
    with suppress(OSError):
        return BOOT.read_text().strip()
    return ""


def _digest(folder: Path) -> str:
    """Return a short hash of all modules in a folder."""
    content = hashlib.sha256()
    for path in sorted(folder.rglob("*.py")):
        content.update(f"{path.relative_to(folder).as_posix()}{os.linesep}".encode() + path.read_bytes())
    return content.hexdigest()[:12]
