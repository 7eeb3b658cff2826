"""The logins of projects."""

import pytest

from loop.access.callers import CallerKind
from loop.access.logins import Login, Logins
from loop.settings import Settings
from loop.wiring import build


@pytest.fixture
def logins(rooms):
    return rooms.access.logins


def test_the_login_of_a_project_opens_that_project_alone(logins):
    sender = logins.identify(logins.of_project(7))

    assert (sender.kind, sender.project) == (CallerKind.BACKEND, 7)
    assert sender.may_name(7)
    assert not sender.may_name(8)


def test_a_login_is_the_same_at_each_start_and_another_in_each_installation_and_project(logins, settings, tmp_path):
    again = build(settings).access.logins
    elsewhere = build(Settings.read({"LOOP_HOME": str(tmp_path / "other")}), migrate=True).access.logins

    assert again.of_project(7) == logins.of_project(7)
    sources = (logins, elsewhere)
    assert len({source.of_project(project).password for source in sources for project in (7, 8)}) == 4


def test_where_the_settings_have_a_login_label_studio_sends_it_and_that_of_the_project_still_opens(logins):
    own = Login("loop", "secret")
    with_own = Logins(logins.secrets, own)
    derived = logins.of_project(7)

    assert with_own.of_project(7) == own
    assert with_own.identify(own).kind == CallerKind.OPERATOR
    assert with_own.identify(derived).project == 7


def test_the_secret_of_a_webhook_is_no_login_and_a_login_no_secret(logins):
    login, secret = logins.of_project(7), logins.secrets.of_webhook(7)

    assert logins.identify(Login(login.user, secret)) is None
    assert logins.identify_webhook(7, login.password) is None
    assert logins.identify_webhook(7, secret).project == 7


@pytest.mark.parametrize(
    "user", ["", "project-", "project-0", "project-8", "project-07", "project-7 ", "project-²", "é", "\0"]
)
@pytest.mark.parametrize("password", ["right", "", "é", "x" * 64, "x" * 100_000])
def test_no_other_login_opens_anything(logins, user, password):
    given = logins.of_project(7).password if password == "right" else password

    assert logins.identify(Login(user, given)) is None


def test_a_login_shows_no_password(logins):
    assert logins.of_project(7).password not in repr(logins.of_project(7))
