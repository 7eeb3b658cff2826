"""Pictures of boxes and images over HTTP: who gets them, what a browser keeps, and what stands for one that is gone."""

import io

import pytest
from flask import url_for
from PIL import Image

from loop.access.logins import Logins
from tests.backend.builders import client_of
from tests.backend.dashboard.builders import PAGE, PROJECT
from tests.backend.dashboard.looking import give_images
from tests.builders import region, served

OF_PROJECT = f"/loop/projects/{PROJECT}"


@pytest.fixture
def images(filled, tmp_path):
    return give_images(filled, tmp_path)


@pytest.fixture
def operator(filled, images):
    return client_of(filled)


def test_a_picture_is_a_jpeg_that_the_browser_keeps_for_itself(operator):
    for path in ("crops/1/p1.jpg", "crops/1/p1.jpg?of=reviewed", "thumbnails/1.jpg"):
        answer = operator.get(f"{OF_PROJECT}/{path}")

        assert (answer.status_code, answer.mimetype) == (200, "image/jpeg"), path
        assert Image.open(io.BytesIO(answer.data)).format == "JPEG"
        assert answer.headers["Cache-Control"].startswith("private, max-age=")
        assert answer.headers["X-Content-Type-Options"] == "nosniff"


def test_a_picture_that_the_browser_has_is_not_made_again(operator, images):
    etag = operator.get(f"{OF_PROJECT}/crops/1/p1.jpg").headers["ETag"]
    count = images.count

    answer = operator.get(f"{OF_PROJECT}/crops/1/p1.jpg", headers={"If-None-Match": etag})

    assert (answer.status_code, answer.data, images.count) == (304, b"", count)


GONE = (
    *("thumbnails/12.jpg", "crops/12/p12.jpg", "crops/1/nothing.jpg", "crops/99/p1.jpg", "thumbnails/99.jpg"),
    *(f"thumbnails/{10**30}.jpg", "crops/1/%00.jpg", "crops/1/a/../b.jpg", "crops/1/%3Cscript%3E.jpg"),
)


def test_a_picture_that_is_gone_is_a_placeholder(operator):
    for path in GONE:
        answer = operator.get(f"{OF_PROJECT}/{path}")

        assert (answer.status_code, answer.mimetype) == (200, "image/svg+xml"), path
        assert answer.headers["Cache-Control"] == "no-store"


def test_a_region_with_a_hostile_name_has_its_picture(operator, filled):
    name = "a/..%2F<b>?#&'\""
    filled.extensions["rooms"].serving.predictions.append([served(region(name), task=50, project=PROJECT)])
    with filled.test_request_context():
        path = url_for("dashboard.crop", project_id=PROJECT, task_id=50, region_id=name)

    assert operator.get(path).mimetype == "image/jpeg"


def test_only_those_who_see_the_project_see_its_pictures(filled, operator):
    login = Logins(filled.extensions["rooms"].access.logins.secrets).of_project(1)

    for path in ("crops/1/p1.jpg", "thumbnails/1.jpg"):
        client = filled.test_client()
        assert client.get(f"{OF_PROJECT}/{path}").status_code == 401
        assert client.get(f"{OF_PROJECT}/{path}", auth=(login.user, login.password)).status_code == 403
        assert operator.get(f"/loop/projects/77/{path}", headers=PAGE).status_code == 404


def test_pictures_are_looked_for_in_known_records_alone(operator):
    assert operator.get(f"{OF_PROJECT}/crops/1/p1.jpg?of=nowhere").status_code == 400


def test_pictures_that_wait_for_others_do_not_wait_for_ever(operator, filled):
    gate = filled.extensions["pictures"]
    gate._seconds = 0.01

    with gate.entered(), gate.entered():
        answer = operator.get(f"{OF_PROJECT}/crops/1/p1.jpg")

    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "10")
