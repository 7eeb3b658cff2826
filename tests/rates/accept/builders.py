"""A model of Label Studio with predicted tasks, an audit, and acceptances of it."""

from loop.errors import Refused
from loop.rates.accept import run
from loop.rates.accept.plan import plan_acceptance
from loop.regions import Box
from loop.reviews.process_events import review as process
from loop.reviews.verdicts import Decision, Verdict
from loop.serving.store import AUDIT
from loop.vision.addresses import identify
from tests.builders import ls_region, region, review, served
from tests.reviews.bulk.fakes import BulkStudio

AUDITED, OPEN, ERROR = 150, 30, 0.3
ALL = list(range(1, OPEN + 1))
NOTHING = {"total_annotations": 0, "cancelled_annotations": 0, "draft_exists": False}
USER = 77


class AcceptingStudio(BulkStudio):
    """Tasks with stored predictions; it makes users, unless they are refused."""

    def __init__(self, tasks):
        super().__init__(tasks)
        self.has_users = True
        for task in self.tasks:
            task.update(NOTHING, predictions=[])

    def _create(self, task_id, fields):
        return super()._create(task_id, {"lead_time": None, **fields})

    def ensure_user(self, email, first_name):
        if not self.has_users:
            raise Refused("403: not for this user", 403)
        return USER


def serve(rooms, tmp_path):
    rooms.registry.versions.promote(1, rooms.registry.versions.add(1, tmp_path / "some.pt").name, "a test")


def champion(rooms):
    return rooms.registry.versions.champion(1).name


def predict(rooms, studio):
    version = champion(rooms)
    for task in studio.tasks:
        box = region(f"r{task['id']}", at=Box(0.1, 0.1, 0.4, 0.4), score=0.95)
        image = identify(task["data"]["image"])
        rooms.serving.predictions.append([served(box, task=task["id"], version=version, image=image)])
        result = [ls_region(box.id, x=10, y=10, width=30, height=30)]
        task["predictions"].append({"id": 100 + task["id"], "model_version": version, "result": result, "score": 0.95})


def audit(rooms, task_ids, decision=Decision.CONFIRMED):
    version = champion(rooms)
    for task_id in task_ids:
        box = region(f"a{task_id}", score=0.95)
        rooms.serving.predictions.append([served(box, task=task_id, version=version, stream=AUDIT)])
        (seen,) = rooms.serving.predictions.newest(1, [task_id], version=version).values()
        verdict = Verdict(decision, box, None if decision is Decision.FALSE_POSITIVE else box)
        rooms.reviews.store.record(review(box, annotation=task_id, task=task_id), {})
        rooms.reviews.verdicts.replace(1, task_id, (review(box, task=task_id), seen, [verdict]))


def accept(loop):
    token = plan_acceptance(loop.rates, 1, ERROR).token
    return go_on(loop, token)


def go_on(loop, token):
    return list(run.accept(loop.rates, 1, run.begin(loop.rates, 1, ERROR, token)))


def arrive(loop, studio):
    """Let the events come that Label Studio sent."""
    for event in studio.sent:
        loop.reviews.events.append(1, event["action"], event)
    studio.sent.clear()
    process(loop.reviews, 1, lambda: None)


def annotations(studio):
    return [annotation for task in studio.tasks for annotation in task["annotations"]]


def count_verdicts(loop):
    return len(loop.rates.store.read_verdicts(1))
