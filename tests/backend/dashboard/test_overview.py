"""The page that a person sees first of a project."""

import re

from loop.gate.rule import GateOutcome
from loop.training.store import TrainingEnd, TrainingState
from tests.backend.builders import client_of
from tests.backend.dashboard.builders import HOSTILE, PAGE, PROJECT, fill_versions


def test_the_overview_says_in_words_how_many_images_are_held_out(filled, tmp_path):
    fill_versions(filled.extensions["rooms"], tmp_path)

    page = client_of(filled).get(f"/loop/projects/{PROJECT}/", headers=PAGE).text

    assert "<dt>Images trained on</dt><dd>120</dd><dt>Images held out</dt><dd>20</dd>" in re.sub(r">\s+<", "><", page)


def test_a_version_that_a_person_promoted_has_their_reason_beside_the_gates(filled, tmp_path):
    rooms = filled.extensions["rooms"]
    (tmp_path / "new.pt").write_bytes(b"new weights")
    name = rooms.registry.versions.add(PROJECT, tmp_path / "new.pt").name
    training = rooms.trainings.store.ask(PROJECT, "by hand")
    rooms.trainings.store.note(training.id, version=name)
    end = TrainingEnd(TrainingState.ENDED, "too few images: a person decides", name, GateOutcome.HELD)
    rooms.trainings.store.settle(training.id, end)
    rooms.trainings.store.end(training.id, TrainingState.ENDED)
    rooms.registry.versions.promote(PROJECT, name, "better at night")

    page = re.sub(r">\s+<", "><", client_of(filled).get(f"/loop/projects/{PROJECT}/", headers=PAGE).text)

    assert f"<dt>Why it serves</dt><dd>better at night</dd><dt>What the gate found</dt><dd>{end.reason}</dd>" in page


def test_the_overview_names_what_the_doctor_finds_in_the_records(operator):
    page = operator.get(f"/loop/projects/{PROJECT}/", headers=PAGE).text

    assert "3 set aside" in page
    assert f"<code>loop events retry --project {PROJECT}</code>" in page
    assert HOSTILE not in page
    assert "set aside" not in operator.get("/loop/projects/1/", headers=PAGE).text


def test_a_version_that_waits_for_a_person_has_a_link_to_its_report(filled, operator):
    rooms = filled.extensions["rooms"]
    (training,) = rooms.trainings.store.open(PROJECT)
    end = TrainingEnd(TrainingState.ENDED, "too few boxes", "yolo_detector@3.0.0", GateOutcome.HELD)
    rooms.trainings.store.note(training.id, version=end.version)
    rooms.trainings.store.settle(training.id, end)
    rooms.trainings.store.end(training.id, end.state)

    page = operator.get(f"/loop/projects/{PROJECT}/", headers=PAGE).text

    assert f'<a href="/loop/projects/{PROJECT}/models/report?name={end.version}">' in page
