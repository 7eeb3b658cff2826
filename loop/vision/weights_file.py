"""A file of weights as `torch.save` writes it, looked into without loading it."""

from __future__ import annotations

import hashlib
import re
import zipfile
import zlib
from pathlib import Path

from loop.errors import ArchiveRefused, WeightsRefused
from loop.vision import weights_kind
from loop.vision.pickle_check import imports, objections
from loop.vision.weights_kind import Diagnosis

MOST_ENTRIES = 20_000
MOST_PICKLE = 16 * 1024 * 1024  # bytes; that of a YOLO11x has less than one
ENTRY = re.compile(
    r"[^/]+/(data\.pkl|version|byteorder|\.format_version|\.storage_alignment|\.data/serialization_id|data/\d+)"
)
PICKLE = "data.pkl"
UNREADABLE = (zipfile.BadZipFile, NotImplementedError, EOFError, ValueError, RuntimeError, zlib.error)  # a damaged zip


def sha256_of(path: Path) -> str:
    """The SHA-256 of a file, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def recognise(path: Path, name: str = "") -> None:
    """
    Refuse what is known to be no YOLO detector, by its content alone; *name* is how it is called in the message.

    What it lets pass may still not load. Raises WeightsRefused, which says what the file is and what would do.
    """
    called = name or str(path)
    try:
        found = Diagnosis("a folder") if path.is_dir() else _diagnosis(path, called)
    except UNREADABLE as error:
        found = Diagnosis(f"a damaged file ({error})", "copy or download it again")
    except OSError as error:
        found = Diagnosis(f"a file that cannot be read ({error.strerror})", "see that it is there and may be read")
    if found:
        raise WeightsRefused(called, found.kind, found.advice)


def _diagnosis(path: Path, name: str) -> Diagnosis | None:
    with path.open("rb") as file:
        start = file.read(weights_kind.START)
    found = weights_kind.of_start(start, name)
    if found:
        return found
    with zipfile.ZipFile(path) as file:
        entries = {entry.filename: entry for entry in file.infolist()}
        found = weights_kind.of_entries(entries)
        pickles = [entry for name, entry in entries.items() if name.endswith(f"/{PICKLE}")]
        if found or pickles[0].file_size > MOST_PICKLE:
            return found
        return weights_kind.of_imports(imports(file.read(pickles[0])))


def check(path: Path) -> str:
    """
    Refuse all but a zip of tensors with one pickle that only rebuilds a detector. Raises ArchiveRefused.

    Returns the SHA-256 of that pickle: torch has a zip reader of its own, so whoever loads the file must see that it
    finds the same one.
    """
    try:
        with zipfile.ZipFile(path) as file:
            entries = file.infolist()
            _check_entries(entries, path.stat().st_size)
            pickled = file.read(next(entry for entry in entries if entry.filename.endswith(f"/{PICKLE}")))
    except (*UNREADABLE, OSError) as error:
        raise ArchiveRefused(f"the weights are no file that torch.save writes (a zip): {error}") from error
    found = objections(pickled)
    if found:
        raise ArchiveRefused(f"the weights hold more than a detector: their pickle {'; '.join(found)}")
    return hashlib.sha256(pickled).hexdigest()


def _check_entries(entries: list[zipfile.ZipInfo], size: int) -> None:
    names = [entry.filename for entry in entries]
    if len(names) > MOST_ENTRIES or len(set(names)) != len(names):
        raise ArchiveRefused(f"the weights have {len(names)} entries: expected at most {MOST_ENTRIES}, each once")
    for entry in entries:
        if not ENTRY.fullmatch(entry.filename):
            raise ArchiveRefused(f"the weights have an entry {entry.filename!r:.80}, which torch.save does not write")
        is_packed = entry.compress_type != zipfile.ZIP_STORED or entry.compress_size != entry.file_size
        if is_packed or entry.flag_bits & 1:
            raise ArchiveRefused(f"the weights' entry {entry.filename} is packed, which torch.save does not do")
    pickles = [entry for entry in entries if entry.filename.endswith(f"/{PICKLE}")]
    if len(pickles) != 1 or len({name.split("/")[0] for name in names}) != 1:
        raise ArchiveRefused(f"the weights have {len(pickles)} pickles in them: expected one")
    if pickles[0].file_size > MOST_PICKLE or sum(entry.file_size for entry in entries) > size:
        raise ArchiveRefused("the weights claim to hold more than the file does, or too large a pickle")
