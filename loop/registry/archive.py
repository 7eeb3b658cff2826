"""Archives of weights: a tar.gz with the weights and a manifest, written reproducibly, read with distrust."""

from __future__ import annotations

import gzip
import io
import os
import re
import shutil
import tarfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO

from loop.errors import ArchiveRefused
from loop.printable import shorten
from loop.registry import manifest as manifests
from loop.registry.manifest import HEX, Manifest
from loop.storage.files import is_full_disk, name_full_disk, sha256_of

WEIGHTS, MANIFEST = "weights.pt", "manifest.json"
PIECE = 1024 * 1024  # bytes read at a time
MOST_HEADER = 4096  # bytes; tarfile takes time by the square of an extended header's size
READS = 16  # of headers, a member
BROKEN = (tarfile.TarError, zlib.error, EOFError, OSError, ValueError, OverflowError, RecursionError)  # a hostile tar


@dataclass(frozen=True, slots=True)
class ArchiveLimits:
    """The most that an archive may hold: bytes when unpacked, bytes of its manifest, number of members."""

    bytes: int = 2 * 1024**3
    manifest: int = 64 * 1024
    members: int = 64


@dataclass(frozen=True, slots=True)
class UnpackedWeights:
    """Weights as a file of our own, the manifest beside them, the SHA-256 of the given file, a name for messages."""

    weights: Path
    manifest: Manifest | None
    sha256: str
    name: str


def write(weights: Path, manifest: Manifest, out: Path) -> str:
    """Write an archive, whole or not at all; return its SHA-256. The same version gives the same bytes."""
    half = out.with_name(f".{out.name}.half")
    try:
        with (
            name_full_disk(out),
            half.open("wb") as file,
            gzip.GzipFile(filename="", mode="wb", compresslevel=1, fileobj=file, mtime=0) as packed,
            tarfile.open(fileobj=packed, mode="w", format=tarfile.USTAR_FORMAT) as tar,
        ):
            content = manifests.write(manifest).encode()
            _append(tar, MANIFEST, len(content), io.BytesIO(content))
            with weights.open("rb") as source:
                _append(tar, WEIGHTS, weights.stat().st_size, source)
        half.replace(out)
    finally:
        half.unlink(missing_ok=True)
    return sha256_of(out)


def read(
    archive: Path, scratch: Path, *, sha256: str | None = None, limits: ArchiveLimits | None = None
) -> UnpackedWeights:
    """
    Copy the weights of an archive, or bare weights, into the folder *scratch*.

    Raises ArchiveRefused; OSError where the disk of the folder is full.

    An archive needs one `.pt`, and may have a `manifest.json` beside it; other plain files are left out. No member is
    written under its own name, and nothing is loaded. A filter of tarfile is not used: it would let links pass.
    """
    limits = limits or ArchiveLimits()
    if sha256 is not None and not HEX.fullmatch(sha256.lower()):
        raise ArchiveRefused(f"--sha256: expected 64 hexadecimal digits, found {sha256!r:.80}")
    if not archive.is_file():
        kind = "a folder" if archive.is_dir() else "not there"
        raise ArchiveRefused(f"{archive} is {kind}: give a .pt, or a tar.gz with one")
    try:
        is_packed = _begins_as_gzip(archive)
        digest = sha256_of(archive if is_packed else _copy(archive, scratch / WEIGHTS, limits))
    except OSError as error:
        if is_full_disk(error):
            raise
        raise ArchiveRefused(f"{archive} cannot be read: {error.strerror}") from error
    if sha256 is not None and digest != sha256.lower():
        raise ArchiveRefused(f"{archive.name} has the SHA-256 {digest}, expected {sha256.lower()}")
    if not is_packed:
        return UnpackedWeights(scratch / WEIGHTS, None, digest, archive.name)
    try:
        with name_full_disk(scratch):
            _unzip(archive, scratch / "archive.tar", limits)
            manifest = _read_tar(scratch / "archive.tar", scratch / WEIGHTS, limits)
    except BROKEN as error:
        if is_full_disk(error):
            raise
        raise ArchiveRefused(f"{archive.name} cannot be read as a tar.gz: {shorten(str(error))}") from error
    finally:
        (scratch / "archive.tar").unlink(missing_ok=True)
    name = f"the .pt in {archive.name}"
    return UnpackedWeights(scratch / WEIGHTS, None if manifest is None else manifests.read(manifest), digest, name)


def _read_tar(path: Path, weights: Path, limits: ArchiveLimits) -> bytes | None:
    """Copy the weights out of a tar; return the text of the manifest, None where the tar has none."""
    with path.open("rb") as file:
        with tarfile.open(fileobj=_Headers(file, READS * limits.members), mode="r:") as tar:
            members = list(_check_members(tar, limits))
        return _extract(file, members, weights, limits)


class _Headers(io.RawIOBase):
    """
    The headers of a tar, each of limited size, in a limited number of reads.

    Tarfile by itself reads a header of any size, follows headers to headers, and follows sizes to where they lead.
    """

    def __init__(self, file: IO[bytes], most_reads: int) -> None:
        self._file, self._reads_left = file, most_reads

    def read(self, size: int = -1) -> bytes:
        """Read up to *size* bytes. Raises ArchiveRefused."""
        self._reads_left -= 1
        if not 0 <= size <= MOST_HEADER:
            raise ArchiveRefused("the archive has a member with too large a header")
        if self._reads_left < 0:
            raise ArchiveRefused("the archive has too many headers")
        return self._file.read(size)

    def seek(self, position: int, whence: int = os.SEEK_SET) -> int:
        """Move to a position, and return it."""
        return self._file.seek(position, whence)

    def tell(self) -> int:
        """Return the position."""
        return self._file.tell()


def _begins_as_gzip(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(2) == b"\x1f\x8b"


def _copy(weights: Path, to: Path, limits: ArchiveLimits) -> Path:
    if weights.stat().st_size > limits.bytes:
        raise ArchiveRefused(f"{weights.name} has more than {limits.bytes} bytes")
    return Path(shutil.copyfile(weights, to))


def _unzip(archive: Path, to: Path, limits: ArchiveLimits) -> None:
    written = 0
    with gzip.open(archive, "rb") as packed, to.open("wb") as file:
        while piece := packed.read(PIECE):
            written += len(piece)
            if written > limits.bytes:
                raise ArchiveRefused(f"the archive holds more than {limits.bytes} bytes")
            file.write(piece)


def _extract(tar: IO[bytes], members: list[tarfile.TarInfo], to: Path, limits: ArchiveLimits) -> bytes | None:
    """Copy the weights out; return the text of the manifest, None where the archive has none."""
    files = [member for member in members if member.isreg() and not _file_name(member).startswith(".")]
    weights = [member for member in files if _file_name(member).endswith(".pt")]
    manifest = [member for member in files if _file_name(member) == MANIFEST]
    if len(weights) != 1 or len(manifest) > 1:
        names = ", ".join(member.name for member in files) or "nothing"
        raise ArchiveRefused(f"expected one .pt and at most one {MANIFEST}, found {names:.200}")
    with to.open("wb") as file:
        for piece in _read_pieces(tar, weights[0]):
            file.write(piece)
    if not manifest:
        return None
    if manifest[0].size > limits.manifest:
        raise ArchiveRefused(f"{MANIFEST} has {manifest[0].size} bytes: expected at most {limits.manifest}")
    return b"".join(_read_pieces(tar, manifest[0]))


def _check_members(tar: tarfile.TarFile, limits: ArchiveLimits) -> Iterator[tarfile.TarInfo]:
    names: set[str] = set()
    for member in tar:
        name = member.name
        if len(names) >= limits.members:
            raise ArchiveRefused(f"the archive has more than {limits.members} members")
        if name.startswith("/") or "\\" in name or ".." in name.split("/") or re.match(r"[A-Za-z]:", name):
            raise ArchiveRefused(f"the member {name!r:.120} would leave the archive's folder")
        if name in names or not name.isprintable():
            raise ArchiveRefused(f"the member {name!r:.120} comes twice or has no printable name")
        if not (member.isreg() or member.isdir()) or member.issparse():
            raise ArchiveRefused(f"the member {name!r:.120} is no plain file: links, devices and holes are not read")
        if not 0 <= member.size <= limits.bytes:  # before tarfile goes on to where the size leads
            raise ArchiveRefused(f"the member {name!r:.120} has a size of {shorten(member.size, 20)} bytes")
        names.add(name)
        yield member


def _read_pieces(tar: IO[bytes], member: tarfile.TarInfo) -> Iterator[bytes]:
    tar.seek(member.offset_data)
    remaining = member.size
    while remaining > 0:
        piece = tar.read(min(PIECE, remaining))
        if not piece:
            raise ArchiveRefused(f"the archive ends within {member.name!r:.120}")
        remaining -= len(piece)
        yield piece


def _file_name(member: tarfile.TarInfo) -> str:
    return PurePosixPath(member.name).name


def _append(tar: tarfile.TarFile, name: str, size: int, content: IO[bytes]) -> None:
    member = tarfile.TarInfo(name)  # without owner and time, which would differ each time
    member.size, member.mode = size, 0o644
    tar.addfile(member, content)
