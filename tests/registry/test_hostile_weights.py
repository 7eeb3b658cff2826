"""Files made to cost time and memory, or to be read otherwise by the check than by torch."""

import gzip
import io
import pickle
import subprocess
import sys
import tarfile
import time
import tracemalloc

import pytest

from loop.errors import ArchiveRefused, DamagedWeights, WeightsRefused
from loop.registry import archive
from loop.registry.pickle_check import objections
from loop.registry.store import VersionFacts
from loop.registry.weights_check import check_weights
from loop.vision.weights_kind import MOST_PICKLE, check_kind
from tests.registry.builders import packed
from tests.vision.builders import HARMLESS, Running, checkpoint

P = b"\x80\x02"
SECONDS = 10  # of two busy cores, where it takes one; 16 MB of `]` took 32
MEMORY = 200 * 1024 * 1024  # bytes; they took 1.3 GB


def filled(filling):
    return P + filling * ((MOST_PICKLE - 3) // len(filling)) + b"."


@pytest.mark.parametrize(
    "filling",
    [
        pytest.param(b"]", id="lists"),
        pytest.param(b"(", id="marks"),
        pytest.param(b"}q\x00", id="memo"),
        pytest.param(b"K\x010", id="numbers-dropped"),
        pytest.param(b"cos\nsystem\n", id="imports"),
    ],
)
def test_a_pickle_of_16_mb_of_anything_costs_little_time(filling):
    pickled, began = filled(filling), time.process_time()

    (objection,) = objections(pickled)

    assert "operations" in objection
    assert time.process_time() - began < SECONDS


def test_a_pickle_of_16_mb_costs_little_memory():
    pickled = P + b"".join(b"]r" + number.to_bytes(4, "little") for number in range(MOST_PICKLE // 6 - 1)) + b"."

    tracemalloc.start()
    try:
        assert objections(pickled)
        assert tracemalloc.get_traced_memory()[1] < MEMORY
    finally:
        tracemalloc.stop()


def test_a_name_of_megabytes_is_not_repeated():
    (objection,) = objections(P + b"c" + b"x" * 1_000_000 + b"\nsystem\n.")

    assert len(objection) < 200
    assert max(map(len, objections(P + b"(S'" + b"x" * 1_000_000 + b"'\nios\nsystem\n."))) < 600


@pytest.mark.parametrize("check", [check_kind, check_weights])
@pytest.mark.parametrize(
    "hide",
    [
        pytest.param(lambda content: pickle.dumps({"a": 1}, 2) + content, id="pickle-before-the-zip"),
        pytest.param(lambda content: b"PK" + content, id="other-magic"),
        pytest.param(lambda content: content + content, id="zip-before-the-zip"),
        pytest.param(lambda content: content + b"\0", id="tail"),
        pytest.param(lambda content: bytes(512) + content, id="tar-before-the-zip"),
    ],
)
def test_a_file_that_torch_may_read_otherwise_is_no_weights(tmp_path, hide, check):
    path = checkpoint(tmp_path / "best.pt")
    path.write_bytes(hide(path.read_bytes()))

    with pytest.raises((WeightsRefused, ArchiveRefused)):
        check(path)


def test_weights_that_change_between_the_check_and_the_copy_are_not_registered(rooms, tmp_path, settings):
    weights = tmp_path / "weights.pt"
    weights.write_bytes(b"other")

    with pytest.raises(DamagedWeights):
        rooms.registry.versions.add(1, weights, VersionFacts(), sha256="0" * 64)

    assert rooms.registry.versions.list(1) == []
    assert not [path for path in (settings.home / "weights").rglob("*") if path.is_file()]


def header(name="weights.pt", kind=tarfile.REGTYPE, size=0):
    """A header of a tar whose size may be anything, as GNU writes large and negative numbers."""
    info = tarfile.TarInfo(name)
    info.type = kind
    block = bytearray(info.tobuf(tarfile.GNU_FORMAT))
    block[124:136] = size.to_bytes(12, "big", signed=True) if size < 0 else b"\x80" + size.to_bytes(11, "big")
    block[148:156] = b" " * 8
    block[148:156] = b"%06o\0 " % sum(block[:512])
    return bytes(block)


def extended(content, kind=tarfile.XHDTYPE):
    """An extended header of a tar with any content."""
    return header("x", kind, len(content)) + content.ljust(-(-len(content) // 512) * 512, b"\0")


def sized(text):
    record = f" size={text}\n"
    return extended(f"{len(record) + 2}{record}".encode())


HOSTILE = {
    "negative size": header(size=-512),
    "hugely negative size": header(size=-(2**80)),
    "negative size of a folder": header("folder/", tarfile.DIRTYPE, -512),
    "negative size of an unknown kind": header("x", b"Z", -512),
    "huge size": header(size=2**80),
    "negative size in an extended header": sized("-512") + header(),
    "negative size of an extended header": header("x", tarfile.XHDTYPE, -512),
    "negative size of a long name": header("x", tarfile.GNUTYPE_LONGNAME, -512),
    "huge size of a long name": header("x", tarfile.GNUTYPE_LONGNAME, 2**33),
    "header after header": extended(b"11 a=bcdef\n") * 3000 + header(),
    "global header after global header": extended(b"11 a=bcdef\n", tarfile.XGLTYPE) * 3000 + header(),
    "digits that a regular expression reads again and again": extended(b"1" * 1_000_000) + header(),
    "old sparse": header("x", tarfile.GNUTYPE_SPARSE)[:482] + b"\x01" * 30 + b"\x01" * 512 * 5000,
    "new sparse": extended(b"22 GNU.sparse.major=1\n22 GNU.sparse.minor=0\n")
    + header()
    + b"9" * 20
    + b"\n"
    + b"1\n" * 9,
    "sparse with a map of text": extended(b"26 GNU.sparse.map=a,b,c,d\n") + header(),
}


@pytest.mark.parametrize("content", HOSTILE.values(), ids=HOSTILE)
def test_a_hostile_tar_is_refused_quickly(tmp_path, content):
    (tmp_path / "scratch").mkdir()
    path = tmp_path / "a.tar.gz"
    path.write_bytes(gzip.compress(content + bytes(10_240)))
    began = time.process_time()

    with pytest.raises(ArchiveRefused) as refused:
        archive.read(path, tmp_path / "scratch")

    assert time.process_time() - began < 5
    assert len(str(refused.value)) < 400
    assert not list((tmp_path / "scratch").iterdir())


def test_an_archive_as_python_and_macos_make_it_is_read(tmp_path):
    (tmp_path / "scratch").mkdir()
    (tmp_path / "best.pt").write_bytes(b"weights")
    with tarfile.open(tmp_path / "a.tar.gz", "w:gz", format=tarfile.PAX_FORMAT) as tar:
        info = tar.gettarinfo(tmp_path / "best.pt", f"{'folder/' * 20}best.pt")
        info.pax_headers = {"LIBARCHIVE.xattr.com.apple.metadata": "a" * 2000, "mtime": "1764000000.5"}
        tar.addfile(info, io.BytesIO(b"weights"))

    assert archive.read(tmp_path / "a.tar.gz", tmp_path / "scratch").weights.read_bytes() == b"weights"


def test_many_files_beside_the_weights_are_read_as_far_as_allowed(tmp_path):
    (tmp_path / "scratch").mkdir()
    path = packed(tmp_path / "a.tar.gz", ("weights.pt", b"w"), *((f"{'n' * 120}{n}", b"x" * 5000) for n in range(63)))

    assert archive.read(path, tmp_path / "scratch").weights.read_bytes() == b"w"


UNSAFE = """
import os, sys
os.environ.update(ULTRALYTICS_SAFE_LOAD="false", YOLO_AUTOINSTALL="true", TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD="1")
import ultralytics.nn.tasks
from pathlib import Path
from loop.errors import WeightsRefused
from loop.training import checkpoints
from loop.vision.ultralytics_weights import open_model
try:
    open_model(Path(sys.argv[1]))
except WeightsRefused:
    print(checkpoints.read(Path(sys.argv[1])))
"""


def test_whatever_the_environment_says_loading_weights_runs_none_of_their_code(tmp_path):
    marker = tmp_path / "it-ran"
    layer = b"cultralytics.nn.tasks\nDetectionModel\n0"  # so that it looks like a detector
    call = pickle.dumps(Running(marker.touch), 2)
    path = checkpoint(tmp_path / "best.pt", P + layer + call[2:])

    done = subprocess.run([sys.executable, "-c", UNSAFE, path], capture_output=True, text=True, check=False)

    assert not marker.exists()
    assert done.stdout.strip() == "None", done.stderr
    pickle.loads(call)  # noqa: S301 (that it would have)
    assert marker.exists()


def test_a_harmless_pickle_passes():
    assert objections(HARMLESS) == []
