"""What a project does or waits for, and what happens next."""

from dataclasses import replace

import pytest

from loop.errors import UpstreamError
from loop.gate.rule import GateOutcome
from loop.installation.connect import _fit
from loop.installation.doctor import doctor
from loop.installation.findings import Level
from loop.installation.outlook.next_steps import list_next_steps
from loop.installation.outlook.situation import LastTraining, ProjectFacts, Situation, find_standings
from loop.installation.status import status
from loop.job_queue.progress import JobProgress
from loop.registry.store import VersionFacts
from loop.training.store import TrainingEnd, TrainingState
from loop.vision.embedders import Embedders
from tests.builders import ls_task, region, review
from tests.fakes import FakeImages
from tests.installation.builders import unwell
from tests.swap import swap

READY = ProjectFacts("yolo_detector@0.0.0", False, "", 50, None)
TRAINED = LastTraining("promoted", False, "1, gate", "mAP50-95 0.3 against 0.1", "yolo_detector@1.0.0")
HELD = replace(TRAINED, state="held", reason="only 7 held-out images: a person decides")


@pytest.mark.parametrize(
    ("facts", "lines"),
    [
        pytest.param(READY, ["waiting: 50 more reviews until"], id="connected"),
        pytest.param(replace(READY, left=1), ["waiting: 1 more review until"], id="nearly"),
        pytest.param(replace(READY, left=0), ["waiting: the next training is asked for"], id="cools-down"),
        pytest.param(replace(READY, champion=None), ["waiting: no version serves"], id="no-weights"),
        pytest.param(
            replace(READY, is_refreshing=True, blind="nothing is suggested"),
            ["under way: the open tasks are predicted with", "waiting: 50 more", "waiting: nothing is suggested"],
            id="just-connected",
        ),
        pytest.param(
            replace(READY, last=replace(TRAINED, state="running", is_open=True, doing="3, epoch 2 of 50")),
            ["under way: a training: 3, epoch 2 of 50"],
            id="training",
        ),
        pytest.param(
            replace(READY, last=HELD),
            ["held: yolo_detector@1.0.0 waits for a person: only 7 held-out images", "waiting: 50 more"],
            id="held",
        ),
        pytest.param(replace(READY, last=HELD, champion=HELD.version), ["waiting: 50 more"], id="held-and-promoted"),
        pytest.param(
            replace(READY, last=replace(TRAINED, state="refused", reason="not shown to be better")),
            ["waiting: yolo_detector@1.0.0 was refused: not shown to be better; 50 more reviews"],
            id="refused",
        ),
        pytest.param(
            replace(READY, last=replace(TRAINED, state="failed", reason="no space left")),
            ["failed: the last training: no space left", "waiting: 50 more"],
            id="failed",
        ),
    ],
)
def test_every_situation_has_a_name_and_a_reason(facts, lines):
    standings = [str(standing) for standing in find_standings(facts)]

    assert len(standings) == len(lines)
    assert all(standing.startswith(line) for standing, line in zip(standings, lines, strict=True))


def test_the_status_gives_the_reason_for_a_version_that_is_held_and_the_commands(patient):
    reason = "mAP50-95 0.100 against 0.050 on only 4 held-out images: a person decides"
    training = patient.trainings.store.ask(1, "50 new reviews")
    end = TrainingEnd(TrainingState.ENDED, reason, "yolo_detector@1.1.0", GateOutcome.HELD)
    patient.trainings.store.note(training.id, version=end.version)
    patient.trainings.store.settle(training.id, end)
    patient.trainings.store.end(training.id, TrainingState.ENDED)

    (project,) = status(patient.installation).projects

    held = project.standings[0]
    assert held.situation is Situation.HELD
    assert held.reason == f"yolo_detector@1.1.0 waits for a person: {reason}"


def test_right_after_connecting_all_is_under_way_and_nothing_is_wrong(patient):
    patient.studio.projects.ask_refresh(1)
    patient.studio.client.predicted = 0
    patient.studio.client.fields["model_version"] = "YOLO loop"
    patient.queue.note_progress("refresh-1", JobProgress(1, 1, 2.0))

    findings = unwell(patient)

    assert {finding.level for finding in findings.values()} == {Level.UNDER_WAY}
    assert set(findings) == {"order", "predictions"}
    assert "1 done, 1 left" in findings["predictions"].found


def test_a_job_that_fails_is_not_under_way(patient):
    patient.studio.projects.ask_refresh(1)
    patient.studio.client.predicted = 0
    patient.queue.failures["refresh-1"] = "loop.errors.DetectorBroken: out of memory"

    finding = unwell(patient)["predictions"]

    assert finding.level == Level.WRONG
    assert "out of memory" in finding.found


def test_tasks_that_stay_without_a_prediction_are_named_with_the_fault_of_their_image(patient):
    patient.studio.client.tasks = [ls_task(number) for number in range(1, 9)]
    patient.studio.client.predicted = 1
    broken = swap(patient, (patient.vision.images, FakeImages(broken=[2])))

    (finding,) = (each for each in doctor(broken.installation) if each.check == "predictions")

    assert finding.level == Level.WARNING
    assert "not task 1; task 2: " in finding.found
    assert finding.found.endswith("and others")
    assert "delete the tasks" in finding.advice


class Unreachable:
    """Redis does not answer."""

    def workers(self):
        raise UpstreamError("no Redis")


def test_three_things_happen_next(patient):
    patient.reviews.store.record(review(region("p")), {"image": "/data/upload/1/a.jpg"})

    steps = list_next_steps(patient.installation, 1)

    assert len(steps) == 3
    assert steps[0].startswith("now: a job predicts the 2 open tasks with yolo_detector@1.0.0")
    assert steps[1].startswith("after 2 more reviews (LOOP_RETRAIN_AFTER)")
    assert steps[2].startswith("when it is trained: it serves if it is better")
    assert "fewer" not in steps[1]


def test_a_project_with_fewer_open_tasks_than_a_training_waits_for_is_told(patient):
    patient.studio.client.open = 1

    steps = list_next_steps(patient.installation, 1)

    assert steps[1].endswith("The open tasks (1) are fewer: add tasks, or run `loop retrain`")


def test_without_an_open_task_no_job_is_promised(patient):
    patient.studio.client.open = 0

    steps = list_next_steps(patient.installation, 1)

    assert steps[0].startswith("now: no task is open; new tasks are predicted with yolo_detector@1.0.0 when they come")


def test_without_workers_nothing_happens_before_they_run(patient):
    steps = list_next_steps(swap(patient, (patient.queue, Unreachable())).installation, 1)

    assert steps[0].startswith("as soon as `loop up` runs: ")


@pytest.mark.parametrize(
    ("embedder", "first", "suggested"),
    [
        ("efficientnet:", "reviews", "only boxes that look like reviewed ones are suggested until a trained version"),
        ("none", "training", "nothing is suggested until a trained version"),
    ],
)
def test_where_no_class_is_a_label_the_lines_say_which_boxes_are_shown(patient, tmp_path, embedder, first, suggested):
    patient = swap(patient, (patient.vision.embedders, Embedders(embedder)))
    version = patient.registry.versions.add(1, tmp_path / "w.pt", VersionFacts(classes=("zebra",)))
    patient.registry.versions.promote(1, version.name, "from elsewhere")

    steps = list_next_steps(patient.installation, 1)

    assert f"; {suggested} serves: no class of" in steps[0]
    (project,) = status(patient.installation).projects
    assert any(f"waiting: {suggested} serves: no class of" in str(each) for each in project.standings)
    assert unwell(patient)["labels"].found.startswith(suggested)
    assert any(f"nothing will be suggested before the first {first}" in line for line in _fit(patient.installation, 1))


def test_without_start_weights_the_steps_say_so(rooms):
    steps = list_next_steps(rooms.installation, 1)

    assert "no version serves" in steps[0]
    assert "start weights" in steps[1]


def test_a_training_that_is_due_needs_no_number(patient):
    patient.studio.projects.set_policy(1, {"retrain_after": 1})
    patient.reviews.store.record(review(region("p")), {"image": "/data/upload/1/a.jpg"})

    assert list_next_steps(patient.installation, 1)[1].startswith("within seconds")
