"""No input from outside gets an unhandled error, whatever its form."""

import socket

import pytest

from tests.fuzzing import feed_few, feed_many
from tests.parsers import PARSERS

FEW = 100  # inputs of a parser in the short run

pytestmark = pytest.mark.filterwarnings("ignore:invalid escape sequence")  # in names that pickles import


@pytest.fixture(autouse=True)
def no_network(monkeypatch):
    """No name has an address, so no image is fetched from anywhere."""

    def look_up(host, *_, **__):
        if isinstance(host, str):
            host.encode("idna")  # as the real one does
        raise socket.gaierror(socket.EAI_NONAME, "there is no network")

    monkeypatch.setattr(socket, "getaddrinfo", look_up)


@pytest.mark.parametrize("name", PARSERS)
def test_few_inputs_get_no_unhandled_error(name, tmp_path):
    feed_few(PARSERS[name], tmp_path, FEW)


@pytest.mark.long
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("name", PARSERS)
def test_many_inputs_get_no_unhandled_error(name, tmp_path):
    feed_many(PARSERS[name], tmp_path)


def test_many_inputs_are_a_million():
    assert sum(parser.most for parser in PARSERS.values()) >= 1_000_000
