"""What the doctor finds in Label Studio."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from loop.errors import LegacyTokenRefused, Refused, UpstreamError
from loop.installation.checks_label_studio import click_tools
from loop.installation.findings import Level, is_private
from loop.label_studio.connection import read_token
from loop.label_studio.interactive.backend import InteractiveBackend
from tests.installation.builders import jwt, unwell
from tests.installation.fakes import NOW
from tests.label_studio.interactive.click_backend import click_backend


@pytest.mark.parametrize(
    ("key", "kind", "is_usable"),
    [
        pytest.param("", "no key", False, id="none"),
        pytest.param("a" * 40, "legacy token", True, id="legacy"),
        pytest.param("a.b.c", "legacy token", True, id="no-jwt"),
        pytest.param(jwt(token_type="refresh", exp=NOW.timestamp() + 9), "personal access token", True, id="pat"),
        pytest.param(jwt(token_type="refresh", exp=NOW.timestamp() - 9), "personal access token", False, id="expired"),
        pytest.param(jwt(token_type="access", exp=NOW.timestamp() + 9), "access token", False, id="access"),
        pytest.param(jwt(token_type="refresh", exp=1e30), "personal access token", True, id="no-time-of-a-calendar"),
    ],
)
def test_the_kind_of_a_key_is_told_by_itself(key, kind, is_usable):
    token = read_token(key, NOW)

    assert token.kind.startswith(kind)
    assert token.is_usable is is_usable


@pytest.mark.parametrize(
    ("key", "refusal", "check", "word"),
    [
        pytest.param("", None, "token", "LABEL_STUDIO_API_KEY", id="no-key"),
        pytest.param(jwt(token_type="refresh", exp=1.0), None, "token", "LABEL_STUDIO_API_KEY", id="expired"),
        pytest.param(
            *("a" * 40, LegacyTokenRefused("legacy token authentication has been disabled for this organization", 401)),
            *("token", "enable legacy tokens"),
            id="legacy-disabled",
        ),
        pytest.param("a" * 40, Refused("Invalid token.", 401), "token", "personal", id="401"),
        pytest.param("a" * 40, UpstreamError("no answer"), "label studio", "LABEL_STUDIO_URL", id="unreachable"),
    ],
)
def test_a_key_that_does_not_work_is_told_and_nothing_more_is_asked(patient, key, refusal, check, word):
    patient.studio.client.key, patient.studio.client.refusal = key, refusal

    findings = unwell(patient)

    assert list(findings) == [check]
    assert findings[check].level == Level.WRONG
    assert word in findings[check].advice
    assert not key or key not in str(findings)


def test_a_token_that_expires_soon_is_a_warning(patient):
    soon = datetime.now(UTC) + timedelta(days=3)
    patient.studio.client.key = jwt(token_type="refresh", exp=soon.timestamp())

    assert unwell(patient)["token"].level == Level.WARNING


@pytest.mark.parametrize(
    ("url", "private"),
    [
        ("http://127.0.0.1:9090", True),
        ("http://localhost:9090", True),
        ("http://web:9090", True),
        ("http://[::1]:9090", True),
        ("http://192.168.1.5:9090", True),
        ("https://loop.example.com", False),
        ("http://8.8.8.8", False),
    ],
)
def test_private_addresses_are_told_by_their_text(url, private):
    assert is_private(url) is private


def handing_on_to(patient, url):
    """The installation, with click tools handed on to a URL."""
    installation = patient.installation
    return replace(installation, studio=replace(installation.studio, interactive=InteractiveBackend(url)))


def test_a_backend_of_the_click_tools_that_does_not_answer_is_named(patient):
    with click_backend() as server:
        pass

    (finding,) = click_tools(handing_on_to(patient, server.url.replace("//", "//sam:secret-word@")))

    assert finding.level == Level.WRONG
    assert f"{server.url} (LOOP_INTERACTIVE_URL) does not answer" in finding.found
    assert "secret-word" not in str(finding)


def test_a_backend_of_the_click_tools_that_answers_is_fine(patient):
    with click_backend() as server:
        (finding,) = click_tools(handing_on_to(patient, server.url))

    assert (finding.level, finding.found) == (Level.OK, f"handed on to {server.url}, which answers")
