"""The key of an installation: in the records, the same on every machine, and that of an older home taken over."""

import pytest
import sqlalchemy as sa

from loop.errors import MachineUnfit
from loop.storage.installation_store import InstallationStore
from loop.storage.keys import DerivedSecrets


@pytest.fixture
def machine(rooms, tmp_path):
    """Makes the secrets of a machine with a LOOP_HOME of its own, on the same records."""

    def made(name, given=""):
        home = tmp_path / name
        home.mkdir(exist_ok=True)
        return DerivedSecrets(InstallationStore(rooms.engine), home, given)

    return made


def test_every_machine_has_the_same_secrets_and_each_project_its_own(machine):
    assert machine("first").of_webhook(1) == machine("second").of_webhook(1)
    assert machine("first").of_webhook(1) != machine("first").of_webhook(2)


def test_the_key_that_an_older_version_left_in_its_home_is_taken_over(machine, tmp_path):
    secrets = machine("old")
    (tmp_path / "old" / "webhook.key").write_text("ab" * 32)

    taken_over = secrets.of_webhook(7)

    assert taken_over == machine("other", given="ab" * 32).of_webhook(7) == machine("third").of_webhook(7)


def test_a_key_of_the_operator_is_not_in_the_records(machine, rooms):
    machine("first", given="the operators own").of_webhook(1)

    with rooms.engine.connect() as connection:
        assert "the operators own" not in str(connection.execute(sa.text("SELECT * FROM installation")).all())


def test_a_machine_with_another_key_or_without_it_makes_no_secret(machine):
    machine("first", given="ours").of_webhook(1)

    with pytest.raises(MachineUnfit, match="LOOP_WEBHOOK_SECRET is not that of the installation"):
        machine("second", given="theirs").of_webhook(1)
    with pytest.raises(MachineUnfit, match="LOOP_WEBHOOK_SECRET is not set here, and the records do not hold it"):
        machine("third").of_webhook(1)


def test_the_machine_that_leads_may_change_the_key_and_go_back(machine):
    first = machine("first").of_webhook(1)

    machine("first", given="new").lead()
    with pytest.raises(MachineUnfit):
        machine("second").of_webhook(1)
    machine("first").lead()

    assert machine("second").of_webhook(1) == first


def test_machines_that_lead_at_once_for_the_first_time_have_one_key(machine, rooms, tmp_path):
    first = machine("first")

    class Late(InstallationStore):
        """Looks before another machine records its key, and goes on after that."""

        def get(self, name):
            fact = super().get(name)
            if fact is None:
                first.lead()
            return fact

    second = DerivedSecrets(Late(rooms.engine), tmp_path / "second")

    second.lead()

    assert first.of_webhook(1) == second.of_webhook(1)


def test_a_home_that_had_only_the_operators_key_gets_one_of_its_own_when_that_is_taken_away(machine):
    given = machine("first", given="ours").of_webhook(1)

    machine("first").lead()

    assert machine("second").of_webhook(1) == machine("first").of_webhook(1) != given
