"""One archive of all in an installation that cannot be made again: written while it runs, restored anywhere."""

from __future__ import annotations

import gzip
import hashlib
import json
import os
import shutil
import tarfile
import tempfile
import zlib
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import IO

import sqlalchemy as sa

from loop.datasets.snapshot_store import IMAGES
from loop.errors import PayloadError
from loop.installation.upkeep.file_place import name_copy
from loop.storage.database import copy_records, find_file, name_events, read_column
from loop.storage.file_store import FileStore
from loop.storage.files import PREFIX, name_full_disk, scratch_folder, sha256_of, write_whole
from loop.storage.home_folder import make_home
from loop.storage.keys import KEY_FILE
from loop.storage.tables import IS_OPEN

RECORDS, MANIFEST = "loop.sqlite3", "backup.json"
EVENTS = name_events(Path(RECORDS)).name
FOLDERS = ("weights", "reports", "snapshots", "spool")
SAVED = (RECORDS, EVENTS, KEY_FILE, *FOLDERS)
WEIGHTS = "SELECT weights FROM versions WHERE weights != ''"  # paths in the folder of weights, as the records have them
HAS_EXPORTS = "SELECT name FROM sqlite_master WHERE name = 'exports'"  # missing in records that are not upgraded yet
EXPORTS = (
    "SELECT file FROM exports JOIN versions ON name = version AND versions.project_id = exports.project_id "
    "WHERE weights != '' AND file IS NOT NULL"
)
OPEN_SNAPSHOTS = f"SELECT snapshot FROM trainings WHERE {IS_OPEN} AND snapshot IS NOT NULL"  # noqa: S608 (a constant)
WAITING = (".event", ".aside")  # events that wait for the records; other files are being written
FORMAT = 1
PIECE = 1 << 20  # bytes
LONGEST_NAME, LONGEST_PART = 1000, 200  # bytes of a file's name in the archive, and between two slashes of it
BROKEN = (  # errors of an archive that is damaged or another's; not those of a full or broken disk
    *(tarfile.TarError, zlib.error, gzip.BadGzipFile, EOFError, ValueError, KeyError, TypeError, OverflowError),
    *(RecursionError, FileNotFoundError, FileExistsError, NotADirectoryError),
)


class HashedFile:
    """A file that is hashed as it is read or written."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file, self._hash = file, hashlib.sha256()

    def read(self, size: int = -1) -> bytes:
        """Read up to *size* bytes."""
        piece = self._file.read(size)
        self._hash.update(piece)
        return piece

    def write(self, piece: bytes) -> None:
        """Write a piece."""
        self._hash.update(piece)
        self._file.write(piece)

    @property
    def sha256(self) -> str:
        """The hash of all that was read or written, in hexadecimal."""
        return self._hash.hexdigest()


def backup(home: Path, records: str | sa.URL, out: Path, store: FileStore | None = None) -> str:
    """
    Write a backup, whole or not at all, and return a line about it; everything may run meanwhile.

    Images, vectors, logs and caches are left out: they are made again. Weights that only the *store* has are brought
    first. Raises PayloadError for records that are not in SQLite or have no tables, RecordsDown, StoreDown, OSError.
    """
    descriptor, name = tempfile.mkstemp(dir=out.parent, prefix=".backup-")  # one for each backup that runs
    half = Path(name)
    try:
        with scratch_folder(home) as scratch, name_full_disk(out), os.fdopen(descriptor, "wb") as file:
            copy = scratch / RECORDS
            waiting = _copy_waiting(home / "spool", scratch / "spool")  # first: an event is there or in their file
            waiting |= _copy_events(records, scratch / EVENTS)  # then: those processed are in the records
            copy_records(records, copy)  # then: every file that the records name is complete
            exports = read_column(copy, EXPORTS) if read_column(copy, HAS_EXPORTS) else set()
            weights = [home / "weights" / name for name in sorted(read_column(copy, WEIGHTS) | exports)]
            if store:
                _bring_missing(store, weights)
            files = {RECORDS: copy, **waiting, **dict(_find_files(home, weights, read_column(copy, OPEN_SNAPSHOTS)))}
            with tarfile.open(fileobj=file, mode="w:gz", compresslevel=1) as tar:
                hashes = dict(_add_all(tar, files))
                manifest = {"format": FORMAT, "made_at": datetime.now(UTC).isoformat(), "files": hashes}
                _add(tar, MANIFEST, write_whole(json.dumps(manifest, indent=1).encode(), scratch / MANIFEST))
            file.flush()
            os.fsync(file.fileno())
        half.replace(out)
    finally:
        half.unlink(missing_ok=True)
    missing = [str(path) for path in weights if path.relative_to(home).as_posix() not in hashes]
    lost = f"; lost before, so not in it: {', '.join(missing)}" if missing else ""
    return f"{out}: {len(hashes)} files, {out.stat().st_size / 1e6:.1f} MB{lost}"


def restore(home: Path, archive: Path) -> str:
    """
    Restore a backup into a home that is empty or not there; return a line about it.

    Every file is checked by its hash before the first one is in its place, the records last. The records take no store
    of files as theirs until `loop adopt`: the installation that was saved may still use it. What a killed restore of
    the same backup left is replaced. Raises PayloadError for a home that is not empty, and for a file that is no whole
    backup.
    """
    make_home(home)
    names = {path.name for path in home.iterdir() if not path.name.startswith((PREFIX, "lost+found"))}
    if not names <= {*FOLDERS, KEY_FILE, EVENTS}:
        raise _not_empty(home, names)
    with scratch_folder(home) as scratch:
        hashes = _extract(archive, scratch)
        name_copy(scratch / RECORDS)
        _remove_part(home, names, hashes)
        for name in (*FOLDERS, KEY_FILE, EVENTS, RECORDS):
            if (scratch / name).exists():
                (scratch / name).rename(home / name)
    return f"{home}: {len(hashes)} files restored"


def _remove_part(home: Path, names: Collection[str], hashes: Mapping[str, str]) -> None:
    """Remove the files of a killed restore. Raises PayloadError if any file is not of this backup."""
    for path in (path for name in names for path in (home / name, *(home / name).rglob("*"))):
        if not path.is_dir() and hashes.get(path.relative_to(home).as_posix()) != sha256_of(path):
            raise _not_empty(home, names)
    for name in names:
        shutil.rmtree(home / name) if (home / name).is_dir() else (home / name).unlink()


def _not_empty(home: Path, names: Collection[str]) -> PayloadError:
    return PayloadError("LOOP_HOME", "an empty folder to restore into", f"{home} with {', '.join(sorted(names)[:5])}")


def _bring_missing(store: FileStore, weights: Sequence[Path]) -> None:
    """Bring weights that are in the store alone; the name of a file is its SHA-256."""
    for path in weights:
        if not path.exists():
            store.get(path, sha256=path.stem)


def _copy_waiting(spool: Path, target: Path) -> dict[str, Path]:
    """Copy the events that wait for the records; return the copies by their names in the archive."""
    target.mkdir()
    for path in sorted(path for path in spool.glob("*") if path.suffix in WAITING):
        with suppress(FileNotFoundError):  # it came into the records meanwhile
            shutil.copyfile(path, target / path.name)
    return {f"spool/{path.name}": path for path in sorted(target.iterdir())}


def _copy_events(records: str | sa.URL, target: Path) -> dict[str, Path]:
    """Copy the file of the events, if the records have one; return the copy by its name in the archive."""
    file = find_file(sa.make_url(records))
    if file is None or not name_events(file).exists():
        return {}
    copy_records(sa.make_url(records).set(database=str(name_events(file))), target)
    return {EVENTS: target}


def _find_files(home: Path, weights: Sequence[Path], open_snapshots: set[str]) -> Iterator[tuple[str, Path]]:
    """
    Yield the files to save, by their names in the archive.

    Of datasets, the images are left out: the next training fetches them. A dataset whose training has not ended is left
    out whole, and the training makes it again.
    """
    skipped = {"images", IMAGES, *(name[:16] for name in open_snapshots)}
    walks = (os.walk(home / folder) for folder in ("reports", "snapshots"))  # passes over a folder that is removed
    others = [Path(parent, name) for walk in walks for parent, _, names in walk for name in names]
    for path in (home / KEY_FILE, *weights, *sorted(others)):
        parts = path.relative_to(home).parts
        is_half = path.name.startswith(".") or any(part.startswith(PREFIX) for part in parts)
        is_left_out = parts[0] == "snapshots" and not skipped.isdisjoint(parts[2:5])  # tiles have images too
        if path.is_file() and not is_half and not is_left_out:
            yield "/".join(parts), path


def _add_all(tar: tarfile.TarFile, files: Mapping[str, Path]) -> Iterator[tuple[str, str]]:
    """Add files, and yield their names and hashes; datasets and weights that nothing needs may go meanwhile."""
    for name, path in files.items():
        try:
            yield name, _add(tar, name, path)
        except FileNotFoundError:
            if not name.startswith(("snapshots/", "weights/")):
                raise


def _add(tar: tarfile.TarFile, name: str, path: Path) -> str:
    """Add a file, and return its hash."""
    with path.open("rb") as file:
        member = tarfile.TarInfo(name)
        status = os.fstat(file.fileno())
        member.size, member.mtime, member.mode = status.st_size, int(status.st_mtime), 0o600
        hashed = HashedFile(file)
        tar.addfile(member, hashed)
    return hashed.sha256


def _extract(archive: Path, folder: Path) -> dict[str, str]:
    """Write the files of a backup into a folder, and check them. Raises PayloadError."""
    expected = "a backup that `loop backup` wrote"
    try:
        with tarfile.open(archive, "r:gz") as tar:
            hashes = {member.name: _write(tar, member, folder) for member in tar}
        manifest = json.loads((folder / MANIFEST).read_text())
        files, form = {**manifest["files"]}, manifest["format"]
    except BROKEN as error:
        raise PayloadError(str(archive), expected, f"{type(error).__name__}: {error}") from error
    if form != FORMAT:
        raise PayloadError(str(archive), f"a backup of format {FORMAT}", form)
    del hashes[MANIFEST]
    if wrong := sorted(name for name in {*files, *hashes} if files.get(name) != hashes.get(name)):
        raise PayloadError(str(archive), f"{expected}, whole", f"{len(wrong)} other files, such as {wrong[0]}")
    return hashes


def _write(tar: tarfile.TarFile, member: tarfile.TarInfo, folder: Path) -> str:
    """Write one file under a name that a backup may have, and return its hash. Raises PayloadError."""
    content = tar.extractfile(member) if member.isreg() and _is_known(member.name) else None
    if content is None:
        raise PayloadError(member.name, "a file of a backup", "another member of the archive")
    path = folder / member.name
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("xb") as file:
        hashed = HashedFile(file)
        while piece := content.read(PIECE):
            hashed.write(piece)
    os.utime(path, (member.mtime, member.mtime))
    return hashed.sha256


def _is_known(name: str) -> bool:
    """Whether a file of a backup may have this name: a few files by themselves, all others in a folder."""
    parts = name.split("/")
    is_placed = parts[0] in (FOLDERS if parts[1:] else (RECORDS, EVENTS, KEY_FILE, MANIFEST))
    lengths = [len(os.fsencode(part)) for part in parts]
    is_short = max(lengths) <= LONGEST_PART and sum(lengths) + len(parts) <= LONGEST_NAME
    return is_placed and is_short and not {"", ".", ".."}.intersection(parts)
