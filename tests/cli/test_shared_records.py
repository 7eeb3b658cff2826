"""Commands on records that other machines have too."""

from contextlib import closing

import pytest
import sqlalchemy as sa

from loop.settings import Settings
from loop.storage import database
from loop.wiring import build
from tests.terminal import loop


@pytest.fixture
def engine(tmp_path, monkeypatch):
    """Records outside of LOOP_HOME, which an older version of the code wrote."""
    url = f"sqlite:///{tmp_path / 'shared.sqlite3'}"
    monkeypatch.setenv("LOOP_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("LOOP_DATABASE_URL", url)
    with closing(build(Settings.read(), migrate=True)) as rooms:
        with rooms.engine.begin() as connection:
            connection.execute(sa.text("UPDATE alembic_version SET version_num = '0007'"))
        yield rooms.engine


def test_a_command_does_not_upgrade_the_records_of_other_machines(engine):
    ended = loop("tokens", "list")

    assert ended.code == 1
    assert "the records have revision 0007, the code here" in ended.err
    assert "start `loop up` or `loop schedule` first" in ended.err
    assert database.revision(engine) == "0007"
