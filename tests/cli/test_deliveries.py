"""`loop deliveries`, as a person sees it."""

from loop.delivery import standard_key
from tests.cli.runner import loop


def test_the_key_of_the_notices_is_printed_also_while_the_records_are_down(tmp_path, monkeypatch):
    monkeypatch.setenv("LOOP_HOME", str(tmp_path))
    monkeypatch.setenv("LOOP_DATABASE_URL", f"sqlite:///{tmp_path}")
    monkeypatch.setenv("LOOP_NOTIFY_SECRET", "s3cret")

    assert loop("deliveries", "secret") == f"{standard_key('s3cret')}\n"
