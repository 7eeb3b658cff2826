"""A project with hostile names, as records hold it after some work."""

from loop.job_queue.job_list import JobState, QueuedJob
from loop.job_queue.progress import JobProgress
from loop.registry.store import VersionFacts
from loop.reviews.judging import judge_tasks
from loop.reviews.set_aside import Step
from loop.training.store import Phase
from tests.builders import NOON, box, region, review, served

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
