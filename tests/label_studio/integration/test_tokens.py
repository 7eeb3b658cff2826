"""Both kinds of Label Studio's tokens."""

from contextlib import closing

import pytest

from loop.errors import UpstreamError
from loop.label_studio.client import LabelStudio
from tests.services import make_project


@pytest.fixture(scope="module")
def project_id(api):
    return make_project(api, "Tokens", 1, seed=5)[0]


def test_a_legacy_token_is_found_out(label_studio, project_id):
    with closing(LabelStudio(label_studio.url, label_studio.token)) as client:
        assert client.project(project_id).title == "Tokens"
        assert client.authorization().startswith("Token ")


def test_a_personal_access_token_is_found_out_and_refreshed(api, label_studio, project_id):
    api.post("/api/jwt/settings", json={"api_tokens_enabled": True, "legacy_api_tokens_enabled": True})
    pat = api.post("/api/token/", json={}).raise_for_status().json()["token"]

    with closing(LabelStudio(label_studio.url, pat)) as client:
        assert client.project(project_id).title == "Tokens"
        assert client.authorization().startswith("Bearer ")


@pytest.mark.parametrize("key", ["", "wrong"])
def test_a_key_that_is_none_is_told(label_studio, project_id, key):
    with (
        closing(LabelStudio(label_studio.url, key)) as client,
        pytest.raises(UpstreamError, match=r"LABEL_STUDIO_API_KEY|401"),
    ):
        client.project(project_id)


def test_a_label_studio_that_is_not_there_is_told():
    with (
        closing(LabelStudio("http://127.0.0.1:9", "0" * 40, timeout=2)) as client,
        pytest.raises(UpstreamError, match="did not answer"),
    ):
        client.project(1)
