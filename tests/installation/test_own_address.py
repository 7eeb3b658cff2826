"""The address that the backend listens on, and the way in and the trouble that `loop up` shows."""

import pytest
from gunicorn.util import parse_address

from loop.installation.up import _bind_error, _describe_access, find_studio_trouble, parts_of
from loop.settings import Settings
from scripts.demo.label_studio import free_port


@pytest.mark.parametrize("host", ["127.0.0.1", "::1", "localhost"])
def test_an_address_of_either_kind_is_listened_on(tmp_path, host):
    port = free_port()
    settings = Settings.read({"LOOP_HOME": str(tmp_path), "LOOP_HOST": host, "LOOP_PORT": str(port)})

    (web,) = [part for part in parts_of(settings) if part.name == "web"]

    assert _bind_error(settings) is None
    assert parse_address(web.command[web.command.index("--bind") + 1]) == (host, port)


@pytest.mark.parametrize(
    ("own", "words"),
    [
        ({}, ("`loop connect` gives Label Studio a login", "`loop tokens add`")),
        ({"BASIC_AUTH_USER": "maria", "BASIC_AUTH_PASS": "of a test"}, ("the user maria", "`loop tokens add`")),
    ],
    ids=["without-any-setting", "with-a-login"],
)
def test_loop_up_shows_the_way_in_without_a_secret(tmp_path, own, words):
    shown = _describe_access(Settings.read({"LOOP_HOME": str(tmp_path), **own}))

    assert all(each in shown for each in words)
    assert "of a test" not in shown


@pytest.mark.parametrize(
    ("key", "words"),
    [("", "no key for Label Studio"), ("0" * 40, "did not answer")],
    ids=["without-a-key", "nothing-answers"],
)
def test_loop_up_says_why_its_parts_cannot_work_with_label_studio(tmp_path, key, words):
    settings = {"LABEL_STUDIO_URL": f"http://127.0.0.1:{free_port()}", "LABEL_STUDIO_API_KEY": key}

    trouble = find_studio_trouble(Settings.read({"LOOP_HOME": str(tmp_path), **settings}))

    assert words in trouble
