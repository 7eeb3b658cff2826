"""What is refused by its head is refused before a byte of its body is read."""

import io

import pytest

from loop.label_studio.webhook import PROJECT_HEADER, SECRET_HEADER
from tests.backend.builders import AUTH, BULK

MB = 2**20
READ = 500  # how the app answers where a body raises an error
JSON, FORM = "application/json", "application/x-www-form-urlencoded"


class Unread(io.RawIOBase):
    """A body that nobody may read."""

    def read(self, size=-1):
        raise AssertionError("the body was read")

    def readinto(self, buffer):
        raise AssertionError("the body was read")


@pytest.fixture
def send(client):
    """Send a head that announces a body of *size* bytes."""

    def send(path, size, headers, kind=JSON):
        body = {"CONTENT_LENGTH": str(size), "wsgi.input": Unread()}
        return client.post(path, headers={"Content-Type": kind, **headers}, environ_overrides=body)

    return send


@pytest.fixture
def secret(rooms):
    """The headers of the webhook of a project."""
    return lambda project: {PROJECT_HEADER: str(project), SECRET_HEADER: rooms.studio.backend.secret_of(project)}


@pytest.mark.parametrize(
    ("path", "largest", "kind"),
    [
        ("/predict", 256 * MB, JSON),
        ("/webhook", 64 * MB, JSON),
        (BULK, 32 * MB, JSON),
        ("/setup", 8 * MB, JSON),
        ("/loop/sign-out", MB, FORM),
    ],
)
def test_each_route_has_its_largest_body(send, secret, path, largest, kind):
    headers = secret(1) if path == "/webhook" else AUTH

    refused, read = (send(path, size, headers, kind).status_code for size in (largest + 1, largest))

    assert (refused, read) == (413, READ)


@pytest.mark.parametrize("path", ["/webhook", "/predict", "/setup", BULK, "/loop/sign-out"])
def test_a_stranger_is_refused_unread(send, path):
    statuses = [
        send(path, 1000, headers).status_code
        for headers in ({}, {"Authorization": "Bearer x"}, {PROJECT_HEADER: "1", SECRET_HEADER: "0" * 64})
    ]

    assert statuses == [401] * 3


def test_an_event_is_refused_unread_for_its_type_its_length_and_the_secret_of_another_project(send, secret):
    other = {**secret(2), PROJECT_HEADER: "1"}

    assert send("/webhook", 1000, other).status_code == 401
    assert send("/webhook", 1000, secret(1), "text/plain").status_code == 415
    assert send("/webhook", 65 * MB, secret(1)).status_code == 413
