"""Refuses a file of weights from elsewhere that holds more than a detector, without loading it."""

from __future__ import annotations

import hashlib
import re
import zipfile
from pathlib import Path

from loop.errors import ArchiveRefused
from loop.printable import shorten
from loop.registry.pickle_check import objections
from loop.storage.zip_layout import check_layout, open_zip
from loop.vision.weights_kind import UNREADABLE, read_pickle

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
        with path.open("rb") as file, open_zip(file) as archive:
            _check_entries(archive.infolist())
            check_layout(file, archive)
            pickled = read_pickle(archive)
    except (*UNREADABLE, OSError) as error:
        raise ArchiveRefused(
            f"the weights are no file that torch.save writes (a zip): {shorten(str(error), 300)}"
        ) from error
    reasons = objections(pickled)
    if reasons:
        raise ArchiveRefused(f"the weights hold more than a detector: their pickle {'; '.join(reasons)}")
    return hashlib.sha256(pickled).hexdigest()


def _check_entries(entries: list[zipfile.ZipInfo]) -> None:
    names = [entry.filename for entry in entries]
    if len(set(names)) != len(names) or len({name.split("/")[0] for name in names}) != 1:
        raise ArchiveRefused("the weights have an entry twice, or entries in several folders")
    for entry in entries:
        if not ENTRY.fullmatch(entry.filename):
            raise ArchiveRefused(f"the weights have an entry {entry.filename!r:.80}, which torch.save does not write")
        is_packed = entry.compress_type != zipfile.ZIP_STORED or entry.compress_size != entry.file_size
        if is_packed or entry.flag_bits & 1:
            raise ArchiveRefused(f"the weights' entry {entry.filename} is packed, which torch.save does not do")
