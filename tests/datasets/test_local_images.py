"""The images of an export in a folder: found by their addresses, and never one for another."""

import base64
import json
import random
import shutil
import time
import unicodedata
from contextlib import suppress

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from loop.datasets import convert
from loop.datasets.local_images import LocalImages
from loop.datasets.snapshots import LabelledImage
from loop.errors import ImageError, ImageUnreadable
from tests.builders import CONFIG, ls_annotation, ls_region, picture
from tests.vision import image_samples as samples


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "images").mkdir()
    return tmp_path


def put(folder, *names):
    """Pictures of these names, each of a colour of its own."""
    for number, name in enumerate(names, start=1):
        path = folder / "images" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(picture(colour=(number, 100, 200)))


def find(folder, address, task=1):
    images = LocalImages(folder / "images", folder / "prepared", 1_000_000)
    return images.find(LabelledImage(task, address, ())).path


@pytest.mark.parametrize(
    ("address", "name"),
    [
        pytest.param("/data/upload/7/0f6142fb-a.jpg", "0f6142fb-a.jpg", id="upload-as-stored"),
        pytest.param("/data/upload/7/0f6142fb-a.jpg", "a.jpg", id="upload-as-it-was"),
        pytest.param("/data/upload/7/0f6142fb-a.jpg", "deep/er/a.jpg", id="upload-as-it-was-in-a-folder"),
        pytest.param("/data/upload/7/0f6142fb-a.jpg", "upload/7/0f6142fb-a.jpg", id="upload-in-its-folders"),
        pytest.param("/data/upload/7/0f6142fb-my_photo_1.jpg", "my photo (1).jpg", id="upload-renamed-by-django"),
        pytest.param("https://ls.example/data/upload/7/0f6142fb-%C3%A9.jpg", "é.jpg", id="upload-absolute"),
        pytest.param("/data/local-files/?d=a/b.jpg", "a/b.jpg", id="local-files"),
        pytest.param("/data/local-files/?d=all/a/b%23%20c.jpg", "a/b# c.jpg", id="local-files-escaped"),
        pytest.param("images\\a.jpg", "a.jpg", id="backslashes"),
        pytest.param("C:\\data\\a\\x.jpg", "a/x.jpg", id="windows"),
        pytest.param("s3://bucket/a#1?.jpg", "a#1?.jpg", id="s3-key"),
        pytest.param("s3://bucket/b/a.jpg", "bucket/b/a.jpg", id="s3-with-its-bucket"),
        pytest.param("https://cdn.example/b/a.jpg?sig=x", "a.jpg", id="url"),
        pytest.param("https://cdn.example/b/a%20b.jpg", "b/a b.jpg", id="url-escaped"),
        pytest.param("https://cdn.example/b/a.jpg", "cdn.example/b/a.jpg", id="url-with-its-host"),
        pytest.param("a%20b.jpg", "a%20b.jpg", id="as-written"),
        pytest.param(unicodedata.normalize("NFD", "/data/upload/1/é.jpg"), "é.jpg", id="letters-in-two-parts"),
        pytest.param("b/é.jpg", unicodedata.normalize("NFD", "b/é.jpg"), id="file-name-in-two-parts"),
    ],
)
def test_the_file_of_an_address_is_found(folder, address, name):
    put(folder, "other.jpg", name)

    assert find(folder, address) == folder / "images" / name


@pytest.mark.parametrize(
    ("address", "names", "reason"),
    [
        pytest.param("/data/upload/7/0f6142fb-a.jpg", ("x/a.jpg", "y/a.jpg"), "any of 2 files", id="upload-of-two"),
        pytest.param("https://cdn.example/x.jpg?d=a.jpg", ("a.jpg",), "no such file", id="another-d"),
        pytest.param("https://cdn.example/cam1/a.jpg", ("cam2/a.jpg",), "no such file", id="another-folder"),
        pytest.param("s3://bucket/cam1/a.jpg", ("cam2/a.jpg", "cam3/a.jpg"), "no such file", id="other-folders"),
        pytest.param("s3://bucket/0f6142fb-a.jpg", ("a.jpg",), "no such file", id="no-upload"),
        pytest.param("../secret.jpg", (), "no such file", id="climbing"),
        pytest.param("/data/local-files/?d=../secret.jpg", (), "no such file", id="climbing-in-d"),
        pytest.param("link.jpg", (), "no such file", id="link-out"),
        pytest.param("out/secret.jpg", (), "no such file", id="folder-that-leads-out"),
        pytest.param("", (), "no such file", id="nothing"),
        pytest.param("x" * 10_000, (), "no such file", id="long"),
        pytest.param("a\0b.jpg", (), "no such file", id="null-byte"),
    ],
)
def test_no_image_is_taken_for_another_and_none_from_outside(folder, address, names, reason):
    (folder / "secret.jpg").write_bytes(picture())
    (folder / "images" / "link.jpg").symlink_to(folder / "secret.jpg")
    (folder / "images" / "out").symlink_to(folder)
    put(folder, *names)

    with pytest.raises(ImageUnreadable, match=reason):
        find(folder, address)


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(st.sampled_from([*"/\\?#%.:&=", "..", "a.jpg", "secret.jpg", "d=", "out", "images", "s3://"]), max_size=9)
)
def test_whatever_the_address_no_file_outside_the_folder_is_read(folder, parts):
    (folder / "secret.jpg").write_bytes(picture())
    if not (folder / "images" / "out").exists():
        (folder / "images" / "out").symlink_to(folder)
        put(folder, "a.jpg")

    with suppress(ImageError):
        assert find(folder, "".join(parts)) == folder / "images" / "a.jpg"


def exported(task, address):
    reviewed = ls_annotation(ls_region("a"), annotation=task, task=task)
    return {"id": task, "data": {"image": address}, "annotations": [reviewed], "project": 1}


def converted(folder, *addresses):
    (folder / "export.json").write_text(json.dumps([exported(n, one) for n, one in enumerate(addresses, start=1)]))
    return convert.to_dataset(folder / "export.json", CONFIG, folder / "images", folder / "out")


@pytest.mark.parametrize("order", [1, -1])
def test_a_file_that_two_addresses_claim_is_the_image_of_neither(folder, order):
    put(folder, "a.jpg", "b.jpg", "c.jpg")
    addresses = ["s3://bucket/cam1/a.jpg", "s3://bucket/cam2/a.jpg", "s3://x/b.jpg", "s3://x/c.jpg", "a.jpg"]

    snapshot = converted(folder, *addresses[::order])

    left_out = [1, 2, 5] if order == 1 else [1, 4, 5]
    assert snapshot.report["left_out"] == {"the image cannot be read": left_out}
    assert "bucket/cam2/a.jpg or of bucket/cam1/a.jpg" in snapshot.report["causes"]["1" if order == 1 else "5"]


def test_a_file_that_two_hosts_may_have_is_the_image_of_neither_unless_it_lies_in_a_folder_of_its_host(folder):
    put(folder, "now.jpg", "b.jpg", "c.jpg")
    addresses = ["http://cam1/now.jpg", "http://cam2/now.jpg", "s3://x/b.jpg", "s3://x/c.jpg"]

    snapshot = converted(folder, *addresses)
    shutil.rmtree(folder / "out")
    put(folder, "cam1/now.jpg")
    again = converted(folder, *addresses)

    assert snapshot.report["left_out"] == {"the image cannot be read": [1, 2]}
    assert "cam1/now.jpg" in snapshot.report["causes"]["1"]
    assert again.report["left_out"] == {}


@pytest.mark.parametrize(
    ("one", "other"),
    [("?t=1", "?t=2"), ("", "?g"), ("", "?a/cam/snap.jpg"), ("?cam/snap.jpg", "?other/cam/snap.jpg")],
    ids=["two", "one", "one-that-ends-like-the-path", "two-that-end-like-the-path"],
)
def test_a_file_of_two_addresses_that_differ_in_their_query_is_the_image_of_neither(folder, one, other):
    put(folder, "snap.jpg", "b.jpg", "c.jpg")

    snapshot = converted(folder, f"http://cam/snap.jpg{one}", f"http://cam/snap.jpg{other}", "s3://x/b.jpg", "c.jpg")

    assert snapshot.report["left_out"] == {"the image cannot be read": [1, 2]}
    assert f"cam/snap.jpg{other} or of cam/snap.jpg{one}: put" in snapshot.report["causes"]["1"]


def test_local_files_are_told_apart_by_the_path_in_their_query_alone(folder):
    put(folder, "x/a.jpg", "b.jpg", "c.jpg")
    addresses = ["/data/local-files/?d=x/a.jpg", "http://studio/data/local-files/?d=x%2Fa.jpg&t=1"]

    snapshot = converted(folder, *addresses, "/data/local-files/?d=b.jpg", "/data/local-files/?d=c.jpg")

    assert snapshot.report["left_out"] == {}


@pytest.mark.parametrize("name", ["a", "\u00e9", "e\u0301"], ids=["plain", "composed", "decomposed"])
def test_two_tasks_may_show_one_image_by_addresses_that_agree(folder, name):
    put(folder, f"x/{name}.jpg", "b.jpg", "c.jpg")
    composed = unicodedata.normalize("NFC", name)

    snapshot = converted(folder, f"/data/local-files/?d=x/{composed}.jpg", f"images\\x\\{name}.jpg", "b.jpg", "c.jpg")

    assert snapshot.report["left_out"] == {}


def test_the_report_says_of_each_image_that_cannot_be_read_where_and_why(folder):
    put(folder, "a.jpg", "b.jpg")
    (folder / "images" / "login.jpg").write_bytes(b"<!DOCTYPE html>")

    snapshot = converted(folder, "a.jpg", "b.jpg", "s3://bucket/gone.jpg", "login.jpg", ["a.jpg"], None)

    causes = snapshot.report["causes"]
    assert snapshot.report["left_out"] == {"the image cannot be read": [3, 4, 5, 6]}
    assert causes["3"].startswith("s3://bucket/gone.jpg: no such file in ")
    assert causes["4"].startswith("login.jpg: this is an HTML page")
    assert causes["5"] == "data.image: expected the address of an image, found ['a.jpg']"
    assert causes["6"] == "data.image: expected the address of an image, found None"


def inline(content, form="png"):
    return f"data:image/{form};base64,{base64.b64encode(content).decode()}"


def test_images_in_data_uris_are_converted(folder):
    clear = samples.shown()["rgba.png"]
    wrong = inline(b"<html>")

    snapshot = converted(
        folder, inline(picture()), inline(clear), inline(picture(colour="blue")), wrong, "data:no-comma"
    )

    (plain,) = snapshot.folder.glob("images/*/task-00000001.jpg")
    (written,) = snapshot.folder.glob("images/*/task-00000002.png")
    assert plain.read_bytes() == picture()
    assert written.read_bytes() != clear
    assert snapshot.report["left_out"] == {"the image cannot be read": [4, 5]}
    assert "HTML" in snapshot.report["causes"]["4"]
    assert len(snapshot.report["causes"]["4"]) < 300
    assert sorted(path.name for path in snapshot.folder.iterdir()) == [
        *("data.yaml", "images", "items.jsonl", "labels", "manifest.json")
    ]


def test_conversion_takes_time_in_proportion_to_data_uris(folder):
    rng = random.Random(0)
    noise = Image.frombytes("RGB", (300, 300), rng.randbytes(270_000))
    uris = [inline(samples.saved(noise, "PNG") + number.to_bytes(4, "big")) for number in range(60)]
    start = time.monotonic()

    snapshot = converted(folder, *uris)

    assert sum(snapshot.report["images"].values()) == 60
    assert time.monotonic() - start < 20


@pytest.mark.parametrize("name", sorted(samples.shown().keys() | samples.readable().keys()))
def test_what_the_loop_reads_convert_reads(folder, name):
    (folder / "images" / name).write_bytes({**samples.shown(), **samples.readable()}[name])

    assert find(folder, name).exists()


@pytest.mark.parametrize("name", samples.refused())
def test_what_the_loop_refuses_convert_refuses(folder, name):
    (folder / "images" / name).write_bytes(samples.refused()[name][0])

    with pytest.raises(ImageError, match=samples.refused()[name][1]):
        find(folder, name)
