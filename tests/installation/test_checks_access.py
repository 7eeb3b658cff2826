"""The doctor tells who gets in."""

from dataclasses import replace

import pytest

from loop.access.logins import Login, Logins
from loop.installation.checks_machine import access
from loop.installation.findings import Level
from loop.storage.installation_store import InstallationStore
from loop.storage.keys import DerivedSecrets
from tests.installation.fakes import Answering
from tests.swap import swap


@pytest.fixture
def examine(patient):
    def examine(**door):
        swapped = swap(patient, (patient.studio.backend, Answering(patient.studio.backend, **door)))
        (finding,) = access(swapped.installation)
        return finding

    return examine


def test_a_backend_that_refuses_strangers_is_well(examine, patient):
    patient.access.tokens.add("ci", is_read_only=True)

    finding = examine()

    assert (finding.level, finding.found) == (
        Level.OK,
        "listens on this machine alone; open to a login for each project and 1 tokens",
    )


@pytest.mark.parametrize(
    ("own", "key", "listens_on", "named"),
    [
        (Login("loop", "short"), "", "0.0.0.0", ["BASIC_AUTH_PASS"]),
        (Login("loop", "short"), "", "127.0.0.1", []),
        (None, "short", "127.0.0.1", ["LOOP_WEBHOOK_SECRET"]),
        (Login("loop", "long enough of it"), "long enough of it", "0.0.0.0", []),
    ],
)
def test_a_secret_that_can_be_guessed_is_named(patient, tmp_path, own, key, listens_on, named):
    logins = Logins(DerivedSecrets(InstallationStore(patient.engine), tmp_path, key), own)
    weak = swap(patient, (patient.access, replace(patient.access, logins=logins, listens_on=listens_on)))

    findings = [finding for finding in access(weak.installation) if finding.level == Level.WARNING]

    assert [finding.found.split()[0] for finding in findings] == named


@pytest.mark.parametrize(
    ("status", "level", "words"),
    [
        (200, Level.WRONG, "answers without a credential"),
        (421, Level.WRONG, "is not a name that the backend there knows"),
        (502, Level.WARNING, "answers 502 where 401 is expected"),
        (301, Level.WARNING, "answers 301"),
    ],
)
def test_a_backend_that_does_not_refuse_strangers_as_it_should_is_named(examine, status, level, words):
    finding = examine(status=status)

    assert finding.level == level
    assert finding.found.startswith(f"http://127.0.0.1:9090 {words}")


def test_a_backend_that_does_not_answer_is_not_tried(examine):
    assert "not checked" in examine(answers=False).found


def test_a_secret_that_can_be_guessed_is_named_also_while_the_backend_does_not_answer(patient, tmp_path):
    logins = Logins(DerivedSecrets(InstallationStore(patient.engine), tmp_path, "short"), None)
    door = Answering(patient.studio.backend, answers=False)
    weak = swap(
        patient, (patient.studio.backend, door), (patient.access, replace(patient.access, logins=logins))
    ).installation

    assert [finding.level for finding in access(weak)] == [Level.WARNING, Level.OK]
