"""A project with hostile names, as records hold it after some work."""

from dataclasses import replace
from datetime import timedelta
from functools import cache

from backend import access
from backend.dashboard import csrf
from loop.gate.rule import GateOutcome, Ruling
from loop.job_queue.job_list import JobState, QueuedJob
from loop.job_queue.progress import JobProgress
from loop.registry.store import VersionFacts
from loop.reviews.judging import judge_tasks
from loop.reviews.set_aside import Step
from loop.training.store import Phase, TrainingEnd, TrainingState
from tests.backend.builders import AUTH
from tests.builders import NOON, box, region, review, served
from tests.gate.builders import evaluation, gate_report

HOSTILE = "</script><img src=x onerror=alert(1)>{{7*7}}<b>&amp;'\"\u202e"
CONFIG = f"""
<View>
  <Image name="image" value="$image"/>
  <RectangleLabels name="label" toName="image">
    <Label value="Car"/>
    <Label value="{HOSTILE.replace("&", "&amp;").replace("<", "&lt;").replace('"', "&quot;")}"/>
  </RectangleLabels>
</View>
"""
PROJECT = 5
PAGE = {"Accept": "text/html"}


def token_in_page(client, headers=None):
    """The token that a form of a page of this sender has."""
    with client.application.test_request_context("/loop/", headers=headers or AUTH):
        client.application.preprocess_request()
        return csrf.token(access.caller())


def fill(rooms):
    """Fill project 5: reviews of 12 tasks with verdicts, events set aside, a notice, changes, a training, jobs."""
    rooms.studio.projects.save(PROJECT, f"Räder {HOSTILE}", CONFIG)
    weights = rooms.installation.machine.home / "w.pt"
    weights.write_bytes(b"weights")
    facts = VersionFacts(classes=("Car", HOSTILE), metrics={"map50_95": 0.4321})
    rooms.registry.versions.promote(PROJECT, rooms.registry.versions.add(PROJECT, weights, facts).name, HOSTILE)
    for task in range(1, 13):
        shown = (region(f"p{task}", score=0.9), region(f"q{task}", HOSTILE, box(0.5, 0.5, 0.9, 0.9), score=0.4))
        image = f"/data/upload/5/{HOSTILE}-{task}.jpg"
        rooms.serving.predictions.append([served(*shown, task=task, project=PROJECT, image=image)])
        kept = region(f"p{task}") if task % 3 else region(f"p{task}", at=box(0.12, 0.1, 0.45, 0.4))
        made = review(kept, annotation=task, task=task, project=PROJECT, minutes=task)
        rooms.reviews.store.record(made, {"image": image})
        judge_tasks(rooms.reviews, PROJECT, [task])
    _set_aside(rooms)
    rooms.studio.projects.set_policy(PROJECT, {"retrain_after": 20, HOSTILE: 1})
    rooms.outbox.post(PROJECT, f"review.{HOSTILE}", "a key", {"task": HOSTILE})
    training = rooms.trainings.store.start(rooms.trainings.store.ask(PROJECT, HOSTILE))
    details = {"epoch": 3, "epochs": 10, "seconds_left": 70.0, "map50_95": 0.4}
    rooms.trainings.store.reach(training.id, Phase.TRAINING, **details)
    rooms.queue.listed = list_jobs()
    rooms.queue.note_progress(f"refresh-{PROJECT}", JobProgress(30, 70, 2.0))


def list_jobs():
    """A job of each state, with errors of any form."""
    at = {"asked_at": NOON, "started_at": NOON}
    return [
        QueuedJob(f"retrain-{PROJECT}", "retrain", PROJECT, "gpu", JobState.RUNNING, worker="worker-gpu.1", **at),
        QueuedJob(
            f"refresh-{PROJECT}", "refresh", PROJECT, "default", JobState.RUNNING, worker="worker-default-1.2", **at
        ),
        QueuedJob("review-1", "review", 1, "default", JobState.WAITING, NOON, None),
        QueuedJob("discover-5", "discover", PROJECT, "default", JobState.FAILED, error=f"Trace\n{HOSTILE}: no", **at),
    ]


def _set_aside(rooms):
    for number in range(3):
        rooms.reviews.events.append(PROJECT, "ANNOTATION_CREATED", {"annotation": {"id": number}})
    ids = [event.id for event in rooms.reviews.events.pending(PROJECT)]
    rooms.reviews.events.mark_processed(ids, error=f"ValueError: {HOSTILE}")
    rooms.reviews.set_aside.replace(PROJECT, Step.JUDGE, [7], {7: HOSTILE})


def fill_versions(rooms, folder, count=3, *, project=PROJECT, gone=()):
    """
    Fill a project with trained versions 2.0.0, 2.1.0 and so on, each with its training, labels and report.

    The first three serve one after the other; reports of the versions with a number in *gone* are missing.
    """
    for number in range(count):
        name = f"yolo_detector@2.{number}.0"
        weights = folder / "weights.pt"
        weights.write_bytes(f"{project} {name}".encode())
        training = rooms.trainings.store.ask(project, "a test")
        until = NOON + timedelta(minutes=4 * number + 4)
        rooms.trainings.store.note(training.id, reviews_until=until, snapshot=f"{number:064x}")
        facts = VersionFacts(
            snapshot=f"{number:064x}",
            parent=f"yolo_detector@2.{number - 1}.0" if number else None,
            classes=("Car", HOSTILE),
            metrics={"map50_95": 0.2 + 0.01 * number, "images": 30},
            training={"training": training.id},
        )
        rooms.registry.versions.add(project, weights, facts, number=f"2.{number}.0")
        outcome = GateOutcome.PROMOTED if number < 3 else GateOutcome.REFUSED
        end = TrainingEnd(TrainingState.ENDED, f"mAP50-95 rose {HOSTILE}", name, outcome)
        rooms.trainings.store.note(training.id, version=name)
        counts = {"images": {"train": 40 + 40 * number, "held_out": 10 + 5 * number}}
        rooms.trainings.store.settle(training.id, end, snapshot=counts)
        rooms.trainings.store.end(training.id, end.state)
        if number < 3:
            rooms.registry.versions.promote(project, name, f"better {HOSTILE}")
        if number not in gone:
            write_report(rooms, project, number, outcome)


@cache
def report_on(better):
    """A report on two made-up versions; the candidate finds more the larger *better* is."""
    classes = ("Car", HOSTILE)
    sides = [evaluation(12, classes, recall=0.4 + 0.06 * (better + step), seed=better + step) for step in (0, 1)]
    return gate_report(*sides)


def write_report(rooms, project, number, outcome):
    """A report of the gate on version 2.*number*.0; the first two versions were measured on the same images."""
    made = report_on(min(number, 8))
    champion_name = f"yolo_detector@2.{number - 1}.0" if number else "yolo_detector@1.0.0"
    made = replace(
        made,
        project_id=project,
        champion=replace(made.champion, name=champion_name),
        candidate=replace(made.candidate, name=f"yolo_detector@2.{number}.0"),
        held_out="one set" if number < 2 else f"set {number}",
        ruling=Ruling(outcome, (f"mAP50-95 {HOSTILE}", "and more")),
        made_at=NOON + timedelta(days=number),
    )
    rooms.gate.reports.write(made)
