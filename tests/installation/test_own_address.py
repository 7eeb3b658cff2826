"""The address that the backend listens on."""

import pytest
from gunicorn.util import parse_address

from loop.installation.up import _bind_error, parts_of
from loop.settings import Settings
from scripts.demo.label_studio import free_port


@pytest.mark.parametrize("host", ["127.0.0.1", "::1", "localhost"])
def test_an_address_of_either_kind_is_listened_on(tmp_path, host):
    port = free_port()
    settings = Settings.read({"LOOP_HOME": str(tmp_path), "LOOP_HOST": host, "LOOP_PORT": str(port)})

    (web,) = [part for part in parts_of(settings) if part.name == "web"]

    assert _bind_error(settings) is None
    assert parse_address(web.command[web.command.index("--bind") + 1]) == (host, port)
