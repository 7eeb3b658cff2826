"""Addresses of images: what identifies one, and the files it may mean."""

import base64
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loop.vision.addresses import file_paths, find_query, identify, identify_all, read_inline, stored_name

URI = "data:image/png;base64," + base64.b64encode(b"an image").decode()


@pytest.mark.parametrize(
    ("uri", "content"),
    [
        pytest.param(URI, b"an image", id="base64"),
        pytest.param("DATA:image/png;BASE64,YQ", b"a", id="capitals-and-no-padding"),
        pytest.param("data:image/png;charset=x;base64,YW4g%0AaW1h\nZ2U=", b"an image", id="broken-into-lines"),
        pytest.param("data:image/png;base64,YQ%3D%3D", b"a", id="escaped-padding"),
        pytest.param("data:,a%20b%FF", b"a b\xff", id="percent-encoded"),
        pytest.param("data:image/gif,GIF#part", b"GIF", id="fragment"),
    ],
)
def test_a_data_uri_is_read_as_browsers_read_it(uri, content):
    assert read_inline(uri) == content


@pytest.mark.parametrize("uri", ["data:image/png;base64", "data:image/png;base64,*", "data:", "data:;base64,YWJjZ"])
def test_what_is_no_data_uri_is_refused(uri):
    with pytest.raises(ValueError, match="data: URI"):
        read_inline(uri)


def test_a_data_uri_is_identified_by_a_digest_and_any_other_address_by_itself():
    identity = identify(URI)

    assert identity.startswith("data:image/png;sha256=")
    assert len(identity) < 100
    assert identify(identity) == identity
    assert identify(URI + "x") != identity
    assert identify("s3://bucket/data:image") == "s3://bucket/data:image"


def test_the_data_of_a_task_is_kept_with_the_identities_of_its_images():
    large = URI + "A" * 300

    data = identify_all({"image": f" {large}", "text": "data: none", "more": [1, large]})

    assert data == {"image": identify(large), "text": "data: none", "more": [1, identify(large)]}


RESOLVED = "/tasks/7/resolve/?fileuri=" + base64.urlsafe_b64encode(b"s3://bucket/a/b#1.jpg").decode()


@pytest.mark.parametrize(
    ("address", "path"),
    [
        pytest.param("/data/upload/7/a.jpg", "data/upload/7/a.jpg", id="upload"),
        pytest.param("https://studio.example/data/upload/7/a%20b.jpg", "data/upload/7/a b.jpg", id="absolute-upload"),
        pytest.param("/data/local-files/?d=a/b.jpg", "a/b.jpg", id="local-files"),
        pytest.param("/data/local-files?d=a/b.jpg", "a/b.jpg", id="local-files-without-a-slash"),
        pytest.param("http://studio.example/ls/data/local-files/?x=1&d=a%2Fb%23c.jpg", "a/b#c.jpg", id="under-a-path"),
        pytest.param("/data/local-files/?d=a\\b.jpg", "a/b.jpg", id="local-files-with-backslashes"),
        pytest.param("https://other.example/show.jpg?d=secret.jpg", "other.example/show.jpg", id="another-d"),
        pytest.param("https://other.example/files/?d=a.jpg", "other.example/files", id="another-d-of-a-folder"),
        pytest.param("https://cdn.example/a/b.jpg?token=1#x", "cdn.example/a/b.jpg", id="query-and-fragment"),
        pytest.param("http://me:secret@CDN.example:8080/b.jpg", "cdn.example/b.jpg", id="login-and-port"),
        pytest.param("s3://bucket/a#1?.jpg", "bucket/a#1?.jpg", id="s3-key"),
        pytest.param("gs://bucket/a%20b.jpg", "bucket/a%20b.jpg", id="key-with-a-percent-sign"),
        pytest.param(RESOLVED, "bucket/a/b#1.jpg", id="resolver"),
        pytest.param("images\\a.jpg", "images/a.jpg", id="backslashes"),
        pytest.param("C:\\data\\x.jpg", "C:/data/x.jpg", id="windows"),
        pytest.param("100%.jpg", "100%.jpg", id="percent-sign"),
        pytest.param("what?.jpg", "what?.jpg", id="question-mark"),
        pytest.param("file:///data/a%20b.jpg", "data/a b.jpg", id="file"),
    ],
)
def test_an_address_means_a_path(address, path):
    assert "/".join(file_paths(address)[-1 if "\\" in address else 0]) == path


@pytest.mark.parametrize("host", ["", "http://studio.example", "https://studio.example/ls"])
def test_an_address_of_the_resolver_is_that_of_its_cloud_object(host):
    """The API answers the first where requests of predictions and events have the second."""
    assert identify(host + RESOLVED) == "s3://bucket/a/b#1.jpg"


@pytest.mark.parametrize(
    "wrapped",
    [
        pytest.param(b"https://other.example/a.jpg", id="no-cloud"),
        pytest.param(b"\xff\xfe", id="no-text"),
        pytest.param(b"/data/upload/1/a.jpg", id="a-path"),
    ],
)
def test_any_other_address_of_the_resolver_is_itself(wrapped):
    address = "/tasks/7/resolve/?fileuri=" + base64.urlsafe_b64encode(wrapped).decode()

    assert identify(address) == address
    assert identify(f"{RESOLVED} and more") == f"{RESOLVED} and more"


@pytest.mark.parametrize(
    ("address", "query"),
    [
        pytest.param("snap.jpg?t=1#x", "t=1", id="path"),
        pytest.param("http://cam/snap.jpg?t=1?2", "t=1?2", id="url"),
        pytest.param("http://cam/snap.jpg#a?b", "", id="fragment"),
        pytest.param("s3://bucket/a?.jpg", "", id="cloud"),
        pytest.param("/data/local-files/?d=a.jpg&t=1", "", id="local-files"),
        pytest.param("http://cam/data/local-files/a.jpg?d=1", "d=1", id="not-local-files"),
    ],
)
def test_a_query_tells_images_of_one_path_apart_but_not_cloud_objects_and_local_files(address, query):
    assert find_query(address) == query


@pytest.mark.parametrize("address", ["../a.jpg", "/data/../../a.jpg", "/data/local-files/?d=../a.jpg", "s3://b/../a"])
def test_no_address_means_a_path_that_climbs(address):
    assert file_paths(address) == []


@given(st.text(max_size=60))
def test_any_text_gives_paths_without_empty_or_climbing_parts(address):
    for path in file_paths(address):
        assert path
        assert not {"", ".", ".."} & set(path)


def test_an_upload_is_stored_under_the_name_that_django_gives_it():
    assert stored_name(" my photo (1).jpg") == "my_photo_1.jpg"


def test_a_large_data_uri_costs_no_more_than_its_length():
    uri = "data:image/jpeg;base64," + base64.b64encode(bytes(range(256)) * 40_000).decode()
    start = time.monotonic()

    for _ in range(5):
        identify(uri), read_inline(uri)

    assert time.monotonic() - start < 5
