"""Settings."""

import pytest

from loop.errors import PayloadError
from loop.settings import Settings


def test_without_anything_set_the_defaults_hold():
    settings = Settings.read({})

    assert settings.backend_url == "http://127.0.0.1:9090"
    assert settings.redis.startswith("unix://")
    assert str(settings.database).startswith("sqlite:////")


def test_names_that_label_studio_users_know_are_kept():
    settings = Settings.read({"LABEL_STUDIO_URL": "http://studio:8080", "BASIC_AUTH_USER": "u", "BASIC_AUTH_PASS": "p"})

    assert (settings.label_studio_url, settings.basic_auth_user) == ("http://studio:8080", "u")


@pytest.mark.parametrize(("given", "missing"), [("USER", "PASS"), ("PASS", "USER")])
def test_half_a_login_is_refused_by_name(given, missing):
    with pytest.raises(PayloadError, match=f"^BASIC_AUTH_{missing}: expected a user and a password"):
        Settings.read({f"BASIC_AUTH_{given}": "half"})


def test_an_empty_variable_is_as_good_as_none():
    assert Settings.read({"LOOP_PORT": ""}).port == 9090


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        pytest.param("LOOP_PORT", "many", id="no-number"),
        pytest.param("LOOP_HELD_OUT_SHARE", "1.5", id="above-its-bound"),
        pytest.param("LOOP_EPOCHS", "0", id="below-its-bound"),
        pytest.param("LOOP_KEEP_PREDICTIONS", "inf", id="infinite"),
        pytest.param("LOOP_COOL_DOWN", "nan", id="not-a-number"),
        pytest.param("LOOP_KEEP_PREDICTIONS", "1e12", id="more-seconds-than-a-calendar-has"),
        pytest.param("LOOP_IMAGE_SECONDS", "1e300", id="more-seconds-than-a-socket-waits"),
        pytest.param("LOOP_HOST", "http://lab", id="an-address-in-place-of-a-host"),
        pytest.param("LOOP_HOST", "127.0.0.1:9090", id="a-host-with-a-port"),
        pytest.param("LOOP_HOST", "my lab", id="a-host-with-a-blank"),
        pytest.param("LOOP_MODEL_NAME", "cars@lab", id="a-name-with-the-sign-before-the-number"),
        pytest.param("LOOP_DEVICE", "GPU", id="no-name-of-a-device"),
        pytest.param("LOOP_MODEL_NAME", "lab/cars", id="a-name-that-no-address-of-a-page-may-have"),
    ],
)
def test_a_wrong_value_is_told_by_the_name_of_its_variable(variable, value):
    with pytest.raises(PayloadError, match=variable):
        Settings.read({variable: value})


def test_settings_pass_on_to_a_child_process_unchanged(tmp_path):
    settings = Settings.read({"LOOP_HOME": str(tmp_path), "LOOP_ALLOW_PRIVATE_ADDRESSES": "true"})

    assert Settings.read(settings.environment()) == settings


@pytest.mark.parametrize(
    ("host", "url", "listens_at"),
    [
        pytest.param("0.0.0.0", "http://127.0.0.1:9090", "0.0.0.0:9090", id="all-of-ipv4"),
        pytest.param("::", "http://[::1]:9090", "[::]:9090", id="all"),
        pytest.param("::1", "http://[::1]:9090", "[::1]:9090", id="ipv6"),
        pytest.param("[::1]", "http://[::1]:9090", "[::1]:9090", id="ipv6-as-in-a-url"),
        pytest.param("lab", "http://lab:9090", "lab:9090", id="name"),
        pytest.param("fe80::1%eth0", "http://[fe80::1%eth0]:9090", "[fe80::1%eth0]:9090", id="ipv6-of-an-interface"),
        pytest.param("::ffff:10.0.0.1", "http://[::ffff:10.0.0.1]:9090", "[::ffff:10.0.0.1]:9090", id="ipv4-in-ipv6"),
    ],
)
def test_the_address_of_a_backend_follows_from_the_host_that_it_listens_on(host, url, listens_at):
    settings = Settings.read({"LOOP_HOST": host})

    assert (settings.backend_url, settings.listens_at) == (url, listens_at)


@pytest.mark.parametrize("name", ["my model", "détecteur", "_cars", "imported"])
def test_a_name_of_the_model_that_an_old_installation_may_have_is_taken(name):
    assert Settings.read({"LOOP_MODEL_NAME": name}).model_name == name


@pytest.mark.parametrize("device", ["", "cpu", "CPU", "(cpu)", "0", "cuda:", "cuda:0", "0,1", "-1", "mps"])
def test_a_device_is_taken_in_every_form_that_ultralytics_reads(device):
    assert Settings.read({"LOOP_DEVICE": device}).device == device
