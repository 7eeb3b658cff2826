"""Refuses a file of weights from elsewhere that holds more than a detector, without loading it."""

from __future__ import annotations

import hashlib
import re
import zipfile
from pathlib import Path

from loop.errors import ArchiveRefused
from loop.registry.pickle_check import objections
from loop.vision.weights_kind import MOST_PICKLE, PICKLE, UNREADABLE

MOST_ENTRIES = 20_000
ENTRY = re.compile(
    r"[^/]+/(data\.pkl|version|byteorder|\.format_version|\.storage_alignment|\.data/serialization_id|data/\d+)"
)


def check_weights(path: Path) -> str:
    """
    Refuse all but a zip of tensors with one pickle that only rebuilds a detector. Raises ArchiveRefused.

    Returns the SHA-256 of that pickle: torch has a zip reader of its own. A process that loads the file must check that
    torch finds the same pickle.
    """
    try:
        with zipfile.ZipFile(path) as file:
            entries = file.infolist()
            _check_entries(entries, path.stat().st_size)
            pickled = file.read(next(entry for entry in entries if entry.filename.endswith(f"/{PICKLE}")))
    except (*UNREADABLE, OSError) as error:
        raise ArchiveRefused(f"the weights are no file that torch.save writes (a zip): {error}") from error
    reasons = objections(pickled)
    if reasons:
        raise ArchiveRefused(f"the weights hold more than a detector: their pickle {'; '.join(reasons)}")
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
