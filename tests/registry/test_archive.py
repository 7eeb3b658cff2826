"""Archives of weights."""

import gzip
import hashlib
import io
import json
import math
import random
import tarfile
import warnings
import zipfile

import pytest

from loop.errors import ArchiveRefused
from loop.registry import archive, manifest
from loop.registry.archive import ArchiveLimits
from loop.registry.manifest import Manifest
from loop.registry.weights_check import check_weights
from tests.builders import full_disk
from tests.registry.builders import packed, special
from tests.vision.builders import checkpoint

SAID = Manifest(("Car", "Person"), 320, {"floor": 0.05, "display": 0.3}, "a" * 64, {"version": "yolo_detector@1.0.0"})


@pytest.fixture
def scratch(tmp_path):
    (tmp_path / "scratch").mkdir()
    return tmp_path / "scratch"


def written(folder, name):
    weights = folder / "some.pt"
    weights.write_bytes(b"weights")
    return folder / name, archive.write(weights, SAID, folder / name)


def test_what_was_written_is_read_again(tmp_path, scratch):
    path, sha256 = written(tmp_path, "a.tar.gz")

    archived = archive.read(path, scratch, sha256=sha256)

    assert (archived.weights.read_bytes(), archived.manifest, archived.sha256) == (b"weights", SAID, sha256)


def test_the_same_version_gives_the_same_bytes(tmp_path):
    first, _ = written(tmp_path, "a.tar.gz")
    second, _ = written(tmp_path, "another-name.tar.gz")

    assert first.read_bytes() == second.read_bytes()


def test_an_archive_with_nothing_but_one_pt_is_read(tmp_path, scratch):
    path = packed(
        tmp_path / "a.tar.gz", special("run", tarfile.DIRTYPE), ("run/best.pt", b"w"), ("run/._best.pt", b"x")
    )

    archived = archive.read(path, scratch)

    assert (archived.weights.read_bytes(), archived.manifest) == (b"w", None)


GOOD = ("weights.pt", b"weights")


@pytest.mark.parametrize(
    ("members", "word"),
    [
        pytest.param([("/etc/weights.pt", b"x")], "leave", id="absolute"),
        pytest.param([GOOD, ("../weights.pt", b"x")], "leave", id="up"),
        pytest.param([GOOD, ("a/../../x", b"x")], "leave", id="up-within"),
        pytest.param([GOOD, ("C:\\x", b"x")], "leave", id="windows"),
        pytest.param([GOOD, special("x", tarfile.SYMTYPE, "/etc/passwd")], "links", id="symbolic-link"),
        pytest.param([GOOD, special("x", tarfile.LNKTYPE, "weights.pt")], "links", id="hard-link"),
        pytest.param([GOOD, special("x", tarfile.CHRTYPE)], "links", id="device"),
        pytest.param([GOOD, special("x", tarfile.FIFOTYPE)], "links", id="pipe"),
        pytest.param([GOOD, GOOD], "twice", id="twice"),
        pytest.param([GOOD, ("b.pt", b"x")], "one .pt", id="two-weights"),
        pytest.param([("readme.txt", b"x")], "one .pt", id="no-weights"),
        pytest.param([GOOD, ("a\nb", b"x")], "printable", id="line-in-a-name"),
        pytest.param([GOOD, *((str(n), b"") for n in range(64))], "more than 64", id="many"),
        pytest.param([GOOD, ("manifest.json", b" " * 70_000)], "70000 bytes", id="large-manifest"),
        pytest.param([GOOD, ("manifest.json", b"{")], "no JSON", id="broken-manifest"),
        pytest.param([GOOD, ("manifest.json", b"[" * 60_000)], "no JSON", id="deep-manifest"),
        pytest.param([GOOD, ("manifest.json", b'{"format": 2}')], "format", id="later-format"),
    ],
)
def test_what_is_no_plain_archive_of_weights_is_refused(tmp_path, scratch, members, word):
    path = packed(tmp_path / "a.tar.gz", *members)

    with pytest.raises(ArchiveRefused, match=word):
        archive.read(path, scratch)


def test_an_archive_with_another_sum_is_not_even_unpacked(tmp_path, scratch):
    path, _ = written(tmp_path, "a.tar.gz")

    with pytest.raises(ArchiveRefused, match="expected 0000"):
        archive.read(path, scratch, sha256="0" * 64)
    with pytest.raises(ArchiveRefused, match="64 hexadecimal"):
        archive.read(path, scratch, sha256="abc")
    assert not list(scratch.iterdir())


@pytest.mark.parametrize(
    "content",
    [gzip.compress(b"text" * 600)[:-9], gzip.compress(b"text"), b"\x1f\x8b"],
    ids=["cut off", "not a tar", "two bytes"],
)
def test_what_is_no_tar_gz_is_refused(tmp_path, scratch, content):
    (tmp_path / "a.tar.gz").write_bytes(content)

    with pytest.raises(ArchiveRefused):
        archive.read(tmp_path / "a.tar.gz", scratch)


def test_an_archive_that_unpacks_to_more_than_allowed_is_given_up(tmp_path, scratch):
    (tmp_path / "a.tar.gz").write_bytes(gzip.compress(bytes(50_000_000)))

    with pytest.raises(ArchiveRefused, match="more than 1000000"):
        archive.read(tmp_path / "a.tar.gz", scratch, limits=ArchiveLimits(bytes=1_000_000))
    assert not list(scratch.iterdir())


def test_a_header_is_not_read_into_memory_whatever_its_size(tmp_path, scratch):
    header = tarfile.TarInfo("./PaxHeaders/x")
    header.type, header.size = tarfile.XHDTYPE, 30_000_000
    content = header.tobuf(tarfile.USTAR_FORMAT) + bytes(30_000_000)
    (tmp_path / "a.tar.gz").write_bytes(gzip.compress(content))

    with pytest.raises(ArchiveRefused, match="too large a header"):
        archive.read(tmp_path / "a.tar.gz", scratch)


def test_a_member_that_is_cut_off_is_refused(tmp_path, scratch):
    whole = io.BytesIO()
    with tarfile.open(fileobj=whole, mode="w") as tar:
        info = tarfile.TarInfo("weights.pt")
        info.size = 100_000
        tar.addfile(info, io.BytesIO(bytes(100_000)))
    (tmp_path / "a.tar.gz").write_bytes(gzip.compress(whole.getvalue()[:50_000]))

    with pytest.raises(ArchiveRefused):
        archive.read(tmp_path / "a.tar.gz", scratch)


@pytest.mark.parametrize(
    ("fields", "word"),
    [
        ({"classes": "Car"}, "classes"),
        ({"classes": [1]}, "classes"),
        ({"image_size": 31}, "image_size"),
        ({"image_size": True}, "image_size"),
        ({"thresholds": {"floor": 2}}, "thresholds"),
        ({"thresholds": {"floor": 10**400}}, "thresholds"),
        ({"thresholds": {"floor": math.nan}}, "thresholds"),
        ({"thresholds": {"other": 0.5}}, "thresholds"),
        ({"weights_sha256": "A" * 64}, "weights_sha256"),
        ({"source": "x"}, "source"),
    ],
)
def test_a_manifest_that_makes_no_sense_is_refused_by_its_key(fields, word):
    with pytest.raises(ArchiveRefused, match=word):
        manifest.read(json.dumps({"format": 1, **fields}))


def test_a_file_that_torch_writes_gives_the_sum_of_its_pickle(tmp_path):
    assert check_weights(checkpoint(tmp_path / "a.pt", b"\x80\x02}.")) == hashlib.sha256(b"\x80\x02}.").hexdigest()


@pytest.mark.parametrize(
    ("made", "word"),
    [
        pytest.param({"compress": 8}, "packed", id="compressed"),
        pytest.param({"constants.pkl": b"x"}, "constants.pkl", id="torchscript"),
        pytest.param({"../x": b"x"}, "entry", id="other-entry"),
        pytest.param({"pickled": b"\x80\x02cos\nsystem\n."}, "imports os.system", id="pickle"),
    ],
)
def test_a_file_with_more_than_tensors_and_one_pickle_is_refused(tmp_path, made, word):
    with pytest.raises(ArchiveRefused, match=word):
        check_weights(checkpoint(tmp_path / "a.pt", **made))


def test_two_pickles_or_an_entry_twice_are_refused(tmp_path):
    for number, second in enumerate(("best/data.pkl", "other/data.pkl")):
        path = checkpoint(tmp_path / f"{number}.pt")
        with warnings.catch_warnings(), zipfile.ZipFile(path, "a") as file:
            warnings.simplefilter("ignore")  # zipfile finds that odd too
            file.writestr(second, b"\x80\x02}.")

        with pytest.raises(ArchiveRefused):
            check_weights(path)


def test_what_is_no_zip_is_refused(tmp_path):
    (tmp_path / "a.pt").write_bytes(b"\x80\x02}.")

    with pytest.raises(ArchiveRefused, match=r"torch\.save"):
        check_weights(tmp_path / "a.pt")


def test_a_full_disk_is_no_fault_of_the_archive(tmp_path):
    (tmp_path / "w.pt").write_bytes(bytes(100_000))
    archive.write(tmp_path / "w.pt", SAID, tmp_path / "v.tar.gz")
    (tmp_path / "scratch").mkdir()

    for given in ("v.tar.gz", "w.pt"):
        with full_disk(), pytest.raises(OSError, match=f"{tmp_path}/scratch"):
            archive.read(tmp_path / given, tmp_path / "scratch")


def test_an_archive_that_finds_a_full_disk_is_named_and_leaves_nothing(tmp_path):
    (tmp_path / "w.pt").write_bytes(random.Random(1).randbytes(100_000))

    with full_disk(), pytest.raises(OSError, match=f"{tmp_path}/v.tar.gz"):
        archive.write(tmp_path / "w.pt", SAID, tmp_path / "v.tar.gz")

    assert [path.name for path in tmp_path.iterdir()] == ["w.pt"]
