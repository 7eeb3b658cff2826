"""Zips that two readers could read differently."""

import io
import struct
import zipfile
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loop.storage.zip_layout import MOST_DIRECTORY, MOST_ENTRIES, check_layout, open_zip

NAMES = ("best/data.pkl", "best/version", "best/data/0")


def zipped(contents=(b"one", b"3\n", b"\0" * 64)):
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for name, content in zip(NAMES, contents, strict=True):
            archive.writestr(name, content)
    return file.getvalue()


def streamed():
    """A zip whose headers leave the sizes to descriptors, as torch's own writer has them."""

    class Pipe(io.BytesIO):
        def seekable(self):
            return False

        def tell(self):
            raise OSError

    pipe = Pipe()
    with zipfile.ZipFile(pipe, "w") as archive:
        for name in NAMES:
            archive.writestr(name, b"content")
    return pipe.getvalue()


def read(content):
    file = io.BytesIO(content)
    with open_zip(file) as archive:
        check_layout(file, archive)
        return archive.namelist()


def written_by_torch(tmp_path):
    import torch

    torch.save({"a": torch.zeros(3), "b": torch.ones(100, 100)}, tmp_path / "a.pt")
    return (tmp_path / "a.pt").read_bytes()


def test_what_torch_and_zipfile_write_is_read(tmp_path):
    assert read(zipped()) == list(NAMES)
    assert read(streamed()) == list(NAMES)
    assert "a/data.pkl" in read(written_by_torch(tmp_path))


END = 22  # bytes of the last record


def directory_of(content):
    return struct.unpack("<L", content[-6:-2])[0]


def moved(content, by):
    """The same zip with its directory said to be elsewhere, as readers that search for it take it."""
    at = len(content) - 6
    return content[:at] + struct.pack("<L", directory_of(content) + by) + content[at + 4 :]


def with_gap(content):
    """Bytes before the directory that no entry has."""
    at = directory_of(content)
    return moved(content[:at] + b"\0" * 40 + content[at:], 40)


def with_offsets_moved(content, by):
    """The same entries behind *by* bytes, with a directory that knows."""
    at, pieces = directory_of(content), []
    directory = content[at:-END]
    while directory:
        name, extra, comment = struct.unpack("<3H", directory[28:34])
        length = 46 + name + extra + comment
        offset = struct.unpack("<L", directory[42:46])[0]
        pieces.append(directory[:42] + struct.pack("<L", offset + by) + directory[46:length])
        directory = directory[length:]
    return moved(b"\0" * by + content[:at] + b"".join(pieces) + content[-END:], by)


def with_patch(content, at, new):
    return content[:at] + new + content[at + len(new) :]


def with_overlap(content):
    """Two entries of the directory that point to one."""
    at = content.index(b"PK\x01\x02", directory_of(content) + 4)
    return with_patch(content, at + 42, b"\0\0\0\0")


def with_comment(content):
    return content[:-2] + b"\x04\0PK\x05\x06"


@pytest.mark.parametrize(
    "make",
    [
        pytest.param(lambda content: b"\0" * 9 + content, id="front"),
        pytest.param(lambda content: with_offsets_moved(content, 9), id="front-that-the-directory-knows"),
        pytest.param(lambda content: content + content, id="zip-before-a-zip"),
        pytest.param(lambda content: content + b"\0", id="tail"),
        pytest.param(with_comment, id="comment"),
        pytest.param(with_gap, id="gap"),
        pytest.param(with_overlap, id="overlap"),
        pytest.param(lambda content: moved(content, -1), id="directory-elsewhere"),
        pytest.param(lambda content: with_patch(content, len(content) - 12, b"\x02\0"), id="fewer-entries-said"),
        pytest.param(lambda content: with_patch(content, len(content) - 14, b"\x02\0\x02\0"), id="fewer-entries"),
        pytest.param(lambda content: with_patch(content, 30, b"best/data.bin"), id="other-name-in-the-header"),
        pytest.param(lambda content: with_patch(content, 18, b"\x04\0\0\0"), id="other-size-in-the-header"),
        pytest.param(lambda content: with_patch(content, 14, b"\0\0\0\0"), id="other-sum-in-the-header"),
        pytest.param(lambda content: with_patch(content, 8, b"\x08\0"), id="other-method-in-the-header"),
        pytest.param(lambda content: with_patch(content, 6, b"\x08\0"), id="descriptor-that-is-not-there"),
        pytest.param(lambda content: content[:-30], id="cut-off"),
        pytest.param(lambda content: content[:10], id="cut-off-early"),
        pytest.param(lambda content: b"", id="nothing"),
    ],
)
def test_a_zip_that_another_reader_may_read_otherwise_is_refused(make):
    with pytest.raises(zipfile.BadZipFile):
        read(make(zipped()))


def test_a_zip_within_a_comment_of_torchs_end_is_refused(tmp_path):
    with pytest.raises(zipfile.BadZipFile):
        read(with_comment(written_by_torch(tmp_path)))


def test_two_ends_that_contradict_each_other_are_refused(tmp_path):
    content = written_by_torch(tmp_path)

    with pytest.raises(zipfile.BadZipFile, match="contradict"):
        read(with_patch(content, len(content) - 14, b"\x02\0\x02\0"))


def test_names_that_a_reader_changes_are_refused():
    content = zipped().replace(b"best/version", b"best/ver\0ion")

    with pytest.raises(zipfile.BadZipFile, match="contradict"):
        read(content)


@pytest.mark.parametrize(("entries", "size"), [(MOST_ENTRIES + 1, 46), (1, MOST_DIRECTORY + 1)])
def test_a_directory_of_any_size_is_not_read_into_memory(entries, size):
    end = struct.pack("<4s4H2LH", b"PK\x05\x06", 0, 0, entries, entries, size, 0, 0)

    with pytest.raises(zipfile.BadZipFile, match="entries"):
        open_zip(io.BytesIO(bytes(size) + end))


@given(st.data())
def test_whatever_is_changed_zipfile_and_torch_find_the_same_or_it_is_refused(data):
    import torch

    content = bytearray(zipped())
    for _ in range(data.draw(st.integers(1, 3))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))

    with suppress(zipfile.BadZipFile, NotImplementedError, UnicodeError, RuntimeError, EOFError, ValueError):
        names = read(bytes(content))
        with zipfile.ZipFile(io.BytesIO(bytes(content))) as archive:
            ours = {name: archive.read(name) for name in names}
        theirs = torch._C.PyTorchFileReader(io.BytesIO(bytes(content)))
        assert all(theirs.get_record(name.removeprefix("best/")) == ours[name] for name in names)
