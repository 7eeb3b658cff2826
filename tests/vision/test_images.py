"""Reading images, from a real HTTP server on this machine."""

import base64
import io
import struct
import zlib
from contextlib import suppress
from http.server import BaseHTTPRequestHandler
from urllib.parse import parse_qs, urlsplit

import numpy as np
import pytest
from PIL import Image

from loop.errors import ImageForbidden, ImageTooLarge, ImageUnreadable
from loop.label_studio.payloads import Task
from loop.vision.image_reader import read_pixels
from loop.vision.images import ImageLimits, Images
from tests.builders import picture
from tests.http_servers import serve
from tests.vision.fakes import FakeAccount


def bomb(side):
    """A small PNG that says it is *side* x *side*."""
    header = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    chunk = b"IHDR" + header
    head = b"\x89PNG\r\n\x1a\n" + struct.pack(">I", len(header)) + chunk + struct.pack(">I", zlib.crc32(chunk))
    body = b"IDAT" + zlib.compress(b"\x00" * 1000)
    return head + struct.pack(">I", len(body) - 4) + body + struct.pack(">I", zlib.crc32(body))


def upright_when_turned():
    """2 x 1 pixels, red and blue, stored turned by a quarter with the EXIF note that says so."""
    image = Image.new("RGB", (40, 80))
    image.paste("red", (0, 0, 40, 40))
    image.paste("blue", (0, 40, 40, 80))
    exif = Image.Exif()
    exif[0x0112] = 8  # turn by 90 degrees anticlockwise to see it upright
    content = io.BytesIO()
    image.save(content, "JPEG", exif=exif, quality=100)
    return content.getvalue()


FILES = {
    "/data/upload/1/good.jpg": picture(),
    "/data/upload/1/text.jpg": b"this is not an image",
    "/data/upload/1/empty.jpg": b"",
    "/data/upload/1/cut.jpg": picture((400, 300), form="JPEG")[:900],
    "/data/upload/1/bomb.png": bomb(20_000),
    "/data/upload/1/heavy.bin": b"\x00" * 300_000,
    "/data/upload/1/turned.jpg": upright_when_turned(),
    "/data/upload/1/grey.png": picture(form="PNG"),
    "/elsewhere/good.jpg": picture(),
    "/tasks/5/resolve/": picture(colour="blue"),
    "/projects/1/file-proxy/": picture(colour="blue"),
}


class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        path = self.path.split("?")[0]
        self.server.seen.append((self.path, self.headers.get("Authorization")))
        if path.startswith("/to/"):
            self.send_response(302)
            self.send_header("Location", path.removeprefix("/to/").replace("%", ":"))
            self.end_headers()
        elif path == "/locked.jpg":
            self.send_error(401)
        elif path in FILES:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(FILES[path])
        else:
            self.send_error(404)

    def log_message(self, *_):
        pass


@pytest.fixture(scope="module")
def server():
    with serve(Handler) as running:
        running.seen = []
        yield running


@pytest.fixture
def own(server):
    """Images of a Label Studio at the server's address; anything else on this machine is private."""
    server.seen.clear()
    images = Images(
        FakeAccount(f"http://127.0.0.1:{server.server_port}"), ImageLimits(bytes=200_000, pixels=10_000_000, seconds=5)
    )
    yield images
    images.close()


def fetched(images, address):
    return read_pixels(images.fetch(address, 5), address, 10_000_000)


def test_an_upload_is_read_with_our_key(own, server):
    assert fetched(own, "/data/upload/1/good.jpg").shape == (48, 64, 3)
    assert server.seen == [("/data/upload/1/good.jpg", "Token secret")]


@pytest.mark.parametrize("address", ["/data/upload/1/good.jpg", "/studio/data/upload/1/good.jpg"])
def test_a_label_studio_under_a_path_is_asked_under_it_once(address):
    images = Images(FakeAccount("http://studio.example/studio"), ImageLimits())

    assert images._resolve(address, 1) == "http://studio.example/studio/data/upload/1/good.jpg"
    images.close()


def test_colours_come_in_the_order_of_opencv(own):
    blue, green, red = fetched(own, "/data/upload/1/good.jpg")[0, 0]

    assert red > 200
    assert max(blue, green) < 60


def test_an_image_is_turned_upright(own):
    image = fetched(own, "/data/upload/1/turned.jpg")

    assert image.shape == (40, 80, 3)
    assert image[20, 10, 2] > 200  # red on the left
    assert image[20, 70, 0] > 200  # blue on the right


def test_a_cloud_address_goes_through_label_studios_resolver(own, server):
    assert fetched(own, "s3://bucket/key.jpg").shape == (48, 64, 3)
    path, key = server.seen[0]
    assert path == "/tasks/5/resolve/?fileuri=czM6Ly9idWNrZXQva2V5LmpwZw=="
    assert key == "Token secret"


def test_a_file_whose_host_wants_the_login_of_the_project_comes_through_label_studios_proxy(server):
    """`task_data_login`: only the API of tasks answers the address of the proxy."""
    url = f"http://localhost:{server.server_port}/locked.jpg"
    account = FakeAccount(f"http://127.0.0.1:{server.server_port}")
    images = Images(account, ImageLimits(allow_private_addresses=True))
    with pytest.raises(ImageUnreadable, match="HTTP 401"):
        images.fetch(url, 5)

    account.data = {
        "text": "a",
        "image": f"/projects/1/file-proxy/?url={base64.urlsafe_b64encode(url.encode()).decode()}",
    }

    assert images.fetch(url, 5) == FILES["/projects/1/file-proxy/"]
    images.close()


@pytest.mark.parametrize("address", ["s3://bucket/a#1?.jpg", "gs://bucket/a%20b é.jpg", "azure-blob://c/[1].jpg"])
def test_the_key_of_a_cloud_object_reaches_label_studio_untouched(own, server, address):
    fetched(own, address)

    (encoded,) = parse_qs(urlsplit(server.seen[0][0]).query)["fileuri"]
    assert base64.urlsafe_b64decode(encoded).decode() == address


@pytest.mark.parametrize(
    ("address", "error", "message"),
    [
        pytest.param("/data/upload/1/none.jpg", ImageUnreadable, "HTTP 404", id="missing"),
        pytest.param("/data/upload/1/text.jpg", ImageUnreadable, "this is a text", id="text"),
        pytest.param("/data/upload/1/empty.jpg", ImageUnreadable, "an empty file", id="empty"),
        pytest.param("/data/upload/1/cut.jpg", ImageUnreadable, "truncated", id="truncated"),
        pytest.param("/data/upload/1/bomb.png", ImageTooLarge, "pixels", id="bomb"),
        pytest.param("/data/upload/1/heavy.bin", ImageTooLarge, "200000 bytes", id="heavy"),
        pytest.param("/api/users", ImageForbidden, "not a path where", id="api"),
        pytest.param("/data/../api/users", ImageForbidden, "not a path where", id="climbing"),
        pytest.param("/data/%2e%2e/api/users", ImageForbidden, "not a path where", id="climbing-hidden"),
        pytest.param("file:///etc/passwd", ImageForbidden, "expected http", id="file"),
        pytest.param("etc/passwd", ImageForbidden, "expected http", id="relative"),
        pytest.param("http://10.0.0.1/a.jpg", ImageForbidden, "private address", id="private"),
        pytest.param("http://169.254.169.254/latest", ImageForbidden, "private address", id="metadata"),
        pytest.param("http://[::1]/a.jpg", ImageForbidden, "private address", id="loopback-6"),
        pytest.param("http://", ImageForbidden, "address of a host", id="no-host"),
        pytest.param("http://[bad/a.jpg", ImageUnreadable, "Invalid", id="no-url"),
        pytest.param("http://no-such-host.invalid/a.jpg", ImageUnreadable, "no-such-host", id="no-such-host"),
    ],
)
def test_what_cannot_or_may_not_be_read_is_refused(own, address, error, message):
    with pytest.raises(error, match=message):
        fetched(own, address)


def test_a_redirect_to_a_private_address_is_refused_and_our_key_stays(server):
    port = server.server_port
    server.seen.clear()
    images = Images(FakeAccount(f"http://localhost:{port}"), ImageLimits(seconds=5))

    with pytest.raises(ImageForbidden):
        images.fetch(f"http://127.0.0.1:{port}/elsewhere/good.jpg", 5)

    assert server.seen == []
    images.close()


def test_private_addresses_can_be_allowed_and_get_no_key(server):
    port = server.server_port
    server.seen.clear()
    images = Images(FakeAccount("http://studio.example"), ImageLimits(seconds=5, allow_private_addresses=True))

    assert fetched(images, f"http://127.0.0.1:{port}/elsewhere/good.jpg").shape == (48, 64, 3)
    assert server.seen == [("/elsewhere/good.jpg", None)]
    images.close()


@pytest.mark.parametrize(
    "address",
    [
        pytest.param("{server}/data/upload/1/good.jpg", id="beside-the-prefix"),
        pytest.param("{server}/data/../studio/../data/upload/1/good.jpg", id="climbing-out"),
        pytest.param("{server}/studio/%2e%2e/data/upload/1/good.jpg", id="climbing-out-hidden"),
        pytest.param("{server}/data/%2e%2e/studio/data/upload/1/good.jpg", id="climbing-in-hidden"),
        pytest.param("{server}/studiodata/upload/1/good.jpg", id="the-prefix-as-text"),
        pytest.param("/studio/../data/upload/1/good.jpg", id="a-path"),
    ],
)
def test_our_key_stays_below_the_path_of_label_studio(server, address):
    server.seen.clear()
    images = Images(FakeAccount(f"{server.url}/studio"), ImageLimits(seconds=5, allow_private_addresses=True))

    with suppress(ImageUnreadable):
        images.fetch(address.format(server=server.url), 5)

    assert [key for _, key in server.seen] == [None]
    images.close()


def test_an_address_of_label_studio_written_otherwise_is_its_own(own, server):
    port = server.server_port

    assert fetched(own, f"HTTP://127.0.0.1:{port}/elsewhere/../data/upload/1/good.jpg").shape == (48, 64, 3)
    assert server.seen == [("/data/upload/1/good.jpg", "Token secret")]


def test_many_are_read_at_once_in_their_order_and_errors_stand_in_place(own):
    names = ["good.jpg", "text.jpg", "grey.png"] * 10

    loaded = list(own.map(lambda _, image: image, [Task(n, f"/data/upload/1/{name}") for n, name in enumerate(names)]))

    assert [isinstance(one, np.ndarray) for one in loaded] == [True, False, True] * 10
