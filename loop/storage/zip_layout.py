"""Opens a zip only if all zip readers read it alike: each entry once, from the first byte to the last."""

from __future__ import annotations

import os
import struct
import zipfile
from typing import IO, Any

LOCAL = struct.Struct("<4s5H3L2H")  # before each entry: signature, version, flags, method, …, lengths of name and extra
END = struct.Struct("<4s4H2LH")  # signature, disks, entries on this disk and in all, size and offset of directory, …
LOCATOR, END_64 = struct.Struct("<4sLQL"), struct.Struct("<4sQ2H2L4Q")  # before the end, where torch writes the zip
DESCRIPTORS = (struct.Struct("<4s3L"), struct.Struct("<4sL2Q"))  # after an entry: signature, CRC, sizes
STREAMED, UTF_8 = 0x8, 0x800  # flags: a descriptor comes after the entry, its name is UTF-8
MOST_ENTRIES = 20_000
MOST_DIRECTORY = 4 * 1024 * 1024  # bytes


def open_zip(file: IO[bytes]) -> zipfile.ZipFile:
    """Open a zip of limited size of its directory, which ends with the file. Raises zipfile.BadZipFile."""
    entries, size, _ = _read_end(file)
    if entries > MOST_ENTRIES or size > MOST_DIRECTORY:
        raise zipfile.BadZipFile(f"it has {entries} entries: expected at most {MOST_ENTRIES}")
    return zipfile.ZipFile(file)


def check_layout(file: IO[bytes], archive: zipfile.ZipFile) -> None:
    """
    Check that the entries fill a zip from its first byte to its directory, each with one name and one size.

    Where bytes lie before, between or after them, or two headers contradict each other, one reader finds other entries
    than another. Raises zipfile.BadZipFile.
    """
    count, _, directory = _read_end(file)
    entries = sorted(archive.infolist(), key=lambda entry: entry.header_offset)
    if len(entries) != count:
        raise zipfile.BadZipFile(f"its directory has {len(entries)} entries, its end says {count}")
    position = 0
    for entry in entries:
        if entry.header_offset != position:
            raise zipfile.BadZipFile(f"bytes that belong to no entry at {position}, or an entry within another one")
        position = _end_of(file, entry)
    if position != directory:
        raise zipfile.BadZipFile(f"bytes that belong to no entry at {position}")


def _read_end(file: IO[bytes]) -> tuple[int, int, int]:
    """Return the number of entries, and size and offset of the directory, which lies before the end."""
    at = file.seek(0, os.SEEK_END) - END.size
    signature, *disks, here, count, size, offset, comment = _read(file, at, END)
    if signature != b"PK\x05\x06" or comment:
        raise zipfile.BadZipFile("it does not end where the file ends")
    values, before = (here, count, size, offset), at - LOCATOR.size
    if before >= END_64.size and file.seek(before) == before and file.read(4) == b"PK\x06\x07":
        at = before - END_64.size
        found = _read(file, before, LOCATOR)
        large, length, *_, disk, directory_disk, here, count, size, offset = _read(file, at, END_64)
        disks += [found[1], disk, directory_disk]
        is_whole = large == b"PK\x06\x06" and length == END_64.size - 12 and found[2:] == (at, 1)
        if not is_whole or any(
            old not in (new, 0xFFFF, 0xFFFF_FFFF) for old, new in zip(values, (here, count, size, offset), strict=True)
        ):
            raise zipfile.BadZipFile("its two ends contradict each other")
    if any(disks) or here != count or offset + size != at:
        raise zipfile.BadZipFile("its directory is not where its end says")
    return count, size, offset


def _end_of(file: IO[bytes], entry: zipfile.ZipInfo) -> int:
    """Return the position after an entry. Raises BadZipFile where its header and the directory differ."""
    at = entry.header_offset
    signature, _, flags, method, _, _, *sums, name_length, extra_length = _read(file, at, LOCAL)
    name = file.read(name_length).decode("utf-8" if flags & UTF_8 else "cp437")
    is_plain = not entry.comment and not entry.volume and _has_sizes_only(entry.extra)
    is_same = (flags, method, name) == (entry.flag_bits, entry.compress_type, entry.filename)
    if signature != b"PK\x03\x04" or not is_plain or not is_same or entry.filename != entry.orig_filename:
        raise zipfile.BadZipFile(f"two headers of the entry {entry.filename!r:.80} contradict each other")
    end: int = at + LOCAL.size + name_length + extra_length + entry.compress_size
    expected = (entry.CRC, entry.compress_size, entry.file_size)
    if not flags & STREAMED:
        is_same = all(old in (new, 0xFFFF_FFFF) for old, new in zip(sums, expected, strict=True))
    else:
        ends = [end + form.size for form in DESCRIPTORS if _read_or_none(file, end, form) == (b"PK\x07\x08", *expected)]
        is_same, end = bool(ends) and sums in ([0, 0, 0], [*expected]), max(ends, default=end)
    if not is_same:
        raise zipfile.BadZipFile(f"two sizes or sums of the entry {entry.filename!r:.80} contradict each other")
    return end


def _has_sizes_only(extra: bytes) -> bool:
    """Whether the extra field of an entry in the directory is missing, or has nothing but sizes of 64 bits."""
    return not extra or (extra[:2] == b"\x01\x00" and len(extra) == 4 + int.from_bytes(extra[2:4], "little"))


def _read(file: IO[bytes], at: int, form: struct.Struct) -> tuple[Any, ...]:
    content = _read_or_none(file, at, form)
    if content is None:
        raise zipfile.BadZipFile("it is cut off")
    return content


def _read_or_none(file: IO[bytes], at: int, form: struct.Struct) -> tuple[Any, ...] | None:
    if at < 0:
        return None
    file.seek(at)
    content = file.read(form.size)
    return form.unpack(content) if len(content) == form.size else None
