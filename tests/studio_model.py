"""A model of what a Label Studio server does to annotations, and of the events it sends."""

from datetime import timedelta

from tests.builders import NOON, ls_annotation, ls_region, ls_task
from tests.fakes import FakeLabelStudio


class StudioModel(FakeLabelStudio):
    """Tasks and annotations in memory; each act leaves the event it sends."""

    is_sqlite = True  # ids are given out again

    def __init__(self, tasks):
        super().__init__([ls_task(number, annotations=[]) for number in range(1, tasks + 1)])
        self.clock, self.sent, self.changed_at = NOON, [], {}
        self.hooks, self.last_id = [], 0

    def annotate(self, task, regions, *, skipped=False, truth=False):
        annotation = self._new(task, regions, was_cancelled=skipped, ground_truth=truth)
        self._send("ANNOTATION_CREATED", annotation=annotation, task=_bare(task))

    def edit(self, task, annotation, regions, *, skipped=False):
        annotation.update(result=regions, was_cancelled=skipped, updated_at=self._tick(task))
        self._send("ANNOTATION_UPDATED", annotation=dict(annotation), task=_bare(task))

    def delete_annotation(self, task, annotation):
        task["annotations"].remove(annotation)
        self._tick(task)
        self._send("ANNOTATIONS_DELETED", annotations=[{"id": annotation["id"]}])

    def delete_task(self, task):
        self.tasks.remove(task)
        self._send("TASKS_DELETED", tasks=[{"id": task["id"]}])

    def add_task(self, regions=None):
        number = max((task["id"] for task in self.tasks), default=0) + 1
        task = ls_task(number, image=f"/data/{self.clock:%H%M}.jpg", annotations=[])
        self.tasks.append(task)
        self._tick(task)
        if regions is not None:  # an import with annotations sends no event for them
            self._new(task, regions)

    def _new(self, task, regions, **fields):
        known = [one["id"] for other in self.tasks for one in other["annotations"]]
        at = self._tick(task)
        self.last_id = max([*known, *([] if self.is_sqlite else [self.last_id])], default=0) + 1
        annotation = ls_annotation(*regions, annotation=self.last_id, task=task["id"], **fields)
        annotation.update(created_at=at, updated_at=at)
        task["annotations"].append(annotation)
        return dict(annotation)

    def _tick(self, task):
        self.clock += timedelta(minutes=1)
        self.changed_at[task["id"]] = self.clock
        return self.clock.isoformat()

    def _send(self, action, **payload):
        self.sent.append({"action": action, **payload})

    def now(self):
        return self.clock

    def tasks_since(self, project_id, moment):
        return iter([one for one in self.tasks if moment is None or self.changed_at.get(one["id"], NOON) > moment])

    def task_ids(self, project_id):
        return {task["id"] for task in self.tasks}

    def webhooks(self, project_id):
        return self.hooks

    def create_webhook(self, **fields):
        self.hooks.append({"id": 1, **fields})


def _bare(task):
    return {"id": task["id"], "data": task["data"]}


def boxes(*names):
    return [ls_region(name, x=10.0 * at) for at, name in enumerate(names)]
