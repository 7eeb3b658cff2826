"""Secrets are masked in every text, and what is no secret stays."""

import json
import logging

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loop.errors import ImageUnreadable, LoopError, PayloadError, UpstreamError
from loop.secrecy import MASK, add_secret, guard, mask, redact, redact_texts
from loop.settings import Settings
from loop.wiring import build

KEY = "f3a9c1d2e4b5061728394a5b6c7d8e9f0a1b2c3d"


@pytest.fixture(autouse=True)
def guarded():
    guard([KEY, "hunter2", "pass word/ü", "abc"])
    yield
    guard([])


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(f"Illegal header value b'Token {KEY}\\n'", id="as-httpx-puts-it"),
        pytest.param(f"cut off: {KEY[:25]}", id="its-end-cut-off"),
        pytest.param("redis://:pass%20word%2F%C3%BC@host", id="quoted-in-an-address"),
        pytest.param(json.dumps({"a": "pass word/ü"}), id="in-json"),
        pytest.param("login as hunter2.", id="a-short-one"),
    ],
)
def test_a_known_secret_is_masked_in_whatever_form_it_stands(text):
    masked = redact(text)

    assert MASK in masked
    assert not any(part in masked for part in (KEY[:16], "hunter2", "pass"))


@pytest.mark.parametrize(
    ("text", "secret"),
    [
        ("postgresql+psycopg://loop:s3cret@db/loop", "s3cret"),
        ("https://b.example/a.jpg?X-Amz-Signature=0f1e2d&part=1", "0f1e2d"),
        ("https://h.example/hook?token=0f1e2d", "0f1e2d"),
        ("headers: {'Authorization': 'Bearer abcdefgh1'}", "abcdefgh1"),
        ("{'project': {'token': '0f1e2d3c', 'title': 'Cars'}}", "0f1e2d3c"),
        ('{"task_data_password":"0f1e2d3c"}', "0f1e2d3c"),
        ("Authorization: Basic dXNlcjpwYXNz", "dXNlcjpwYXNz"),
        ("b'Token 0123456789abcdef'", "0123456789abcdef"),
        ("refused: bearer abcdefgh1", "abcdefgh1"),
        ("curl -H 'basic dXNlcjpwYXNz1'", "dXNlcjpwYXNz1"),
        ("the key eyJhbGciOiJIUzI1NiJ9.eyJ0b2tlbl90eXBlIjoicmVmcmVzaCJ9.abcd is over", "eyJ0b2tlbl90"),
    ],
)
def test_what_looks_like_a_credential_is_masked_whoever_it_belongs_to(text, secret):
    assert secret not in redact(text)


@pytest.mark.parametrize(
    "text",
    [
        "Token authentication has been disabled",
        "/data/local-files/?d=a@b/c.jpg: HTTP 404",
        "s3://bucket/me@home.jpg",
        "loop://yolo_detector@0.0.0/detection_embedding: 398 vectors made",
        "http://localhost:8080/images/me@home.jpg cannot be read",
        "hunter22 and shunter2 are other words; abc is too short to be masked",
        "basic auth: wrong or missing user and password",
        "task 12: token expected, found none",
        "3 of 5 matches would change; token e8a3bfbe91b8ebce",  # what a person passes to --token
        "the token e8a3bfbe91b8ebce is not of what would change now (0123456789abcdef): plan again with --dry-run",
    ],
)
def test_what_is_no_secret_stays_as_it_is(text):
    assert redact(text) == text


@given(st.text(), st.text(), st.integers(16, len(KEY)))
def test_no_text_around_a_secret_hides_it(before, after, length):
    masked = mask(f"{before}{KEY[:length]}{after}")

    assert KEY[:16] not in masked


@given(st.text(max_size=200))
def test_masking_again_changes_nothing(text):
    once = redact(f"{text} http://user:pass@host/?token={text}")

    assert redact(once) == once


@pytest.mark.parametrize(
    "make",
    [
        lambda: LoopError(f"the key {KEY}"),
        lambda: PayloadError("LABEL_STUDIO_API_KEY", "a key", f"{'x' * 100}{KEY}"),
        lambda: PayloadError("task", "text", {"a": [KEY]}),
        lambda: ImageUnreadable(f"https://a.example/i.jpg?sig={KEY}", f"refused {KEY}"),
        lambda: UpstreamError(KEY, 401),
    ],
)
def test_no_error_of_ours_carries_a_secret(make):
    error = make()

    assert KEY[:16] not in f"{error} {error!r} {error.args}"


def test_no_log_record_carries_a_secret_whichever_handler_shows_it(caplog):
    log = logging.getLogger("somebody.else")

    error = ValueError(f"Illegal header value b'Token {KEY}\\n'")
    log.error("asking with %s failed", KEY, exc_info=error)

    assert "Illegal header value" in caplog.text
    assert KEY[:16] not in caplog.text
    assert KEY[:16] not in caplog.records[0].getMessage()


def test_a_token_that_the_key_was_changed_for_is_masked_from_then_on():
    add_secret("0123456789" * 3)

    assert redact("with 012345678901234567890123456789") == f"with {MASK}"


def test_a_notice_is_masked_in_every_text_of_it():
    assert redact_texts({"a": [KEY, 1], "b": {"c": f"x {KEY}"}}) == {"a": [MASK, 1], "b": {"c": f"x {MASK}"}}


@pytest.mark.parametrize(
    "text", [f"{KEY}\n", f" {KEY}\t", f"\ufeff{KEY}", f'"{KEY}"', f"'{KEY}'\r\n", f"\u00a0{KEY}\u200b"]
)
def test_a_key_as_people_paste_it_is_the_key(text):
    assert Settings.read({"LABEL_STUDIO_API_KEY": text}).label_studio_api_key == KEY


@pytest.mark.parametrize("text", [f"Token {KEY}", f"{KEY[:20]}\n{KEY[20:]}", f"{KEY}é", f"{KEY[:9]}\0{KEY[9:]}"])
def test_a_key_that_no_header_can_carry_is_refused_by_name_without_a_part_of_it(text):
    with pytest.raises(PayloadError, match="LABEL_STUDIO_API_KEY: expected") as refused:
        Settings.read({"LABEL_STUDIO_API_KEY": text})

    assert KEY[:4] not in str(refused.value)


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("LABEL_STUDIO_URL", "user:s3cret-pw@host:8080"),
        ("LOOP_REDIS_URL", "redis://:s3cret/pw@host:6379/0"),
        ("LOOP_REDIS_URL", "host:s3cret-pw@host"),
        ("LOOP_DATABASE_URL", "postgresql://u:x@s3cret:pw@host/db"),
        ("LOOP_DATABASE_URL", "postgre://u:s3cret-pw@host:5432/db"),
    ],
)
def test_an_address_that_cannot_be_used_is_refused_without_its_password(tmp_path, variable, value):
    with pytest.raises(PayloadError, match=f"^{variable}: expected") as refused:
        build(Settings.read({"LOOP_HOME": str(tmp_path), variable: value}))

    assert "s3cret" not in str(refused.value)


def test_a_password_keeps_its_quotes():
    settings = Settings.read({"BASIC_AUTH_USER": "u", "BASIC_AUTH_PASS": ' "a" \n'})

    assert settings.basic_auth_pass == '"a"'


def test_every_secret_of_the_settings_is_known(tmp_path):
    settings = Settings.read(
        {
            "LOOP_HOME": str(tmp_path),
            "LABEL_STUDIO_API_KEY": KEY,
            "BASIC_AUTH_USER": "loop",
            "BASIC_AUTH_PASS": "basic-secret",
            "LOOP_REDIS_URL": "redis://:redis-secret@host",
            "LOOP_DATABASE_URL": "postgresql://loop:data/b@se-secret@host/loop",
            "LOOP_MILVUS_URI": "https://root:milvus-secret@host",
            "LOOP_NOTIFY_URLS": "https://a:first-secret@h.example, https://b:second-secret@h.example",
            "LOOP_NOTIFY_SECRET": "notify-secret",
            "LOOP_WEBHOOK_SECRET": "webhook-secret",
        }
    )

    own = Settings.read({"LOOP_HOME": str(tmp_path), "LOOP_WEBHOOK_SECRET": settings.webhook_secret})
    rooms = build(own, migrate=True)
    guard(settings.secrets())
    derived = rooms.studio.backend.secret_of(3)

    named = ("basic", "redis", "data/b@se", "milvus", "first", "second", "notify", "webhook")
    for secret in (KEY, derived, *(f"{name}-secret" for name in named)):
        assert mask(f"<{secret}>") == f"<{MASK}>"
