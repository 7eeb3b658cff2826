"""The doctor tells who gets in."""

import pytest

from loop.installation.checks_machine import access
from loop.installation.findings import Level
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


def test_a_backend_that_answers_strangers_is_named(examine):
    finding = examine(is_closed=False)

    assert (finding.level, finding.found) == (Level.WRONG, "http://127.0.0.1:9090 answers without a credential")


def test_a_backend_that_does_not_answer_is_not_tried(examine):
    assert "not tried" in examine(answers=False).found
