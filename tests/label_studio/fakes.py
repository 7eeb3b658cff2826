"""A model of what a Label Studio server does to annotations, and of the events it sends."""

from datetime import timedelta

from loop.label_studio.states import WebhookState
from loop.label_studio.tasks import StoredTask
from tests.builders import CONFIG, NOON, ls_annotation, ls_task
from tests.fakes import FakeLabelStudio
from tests.label_studio.builders import boxes


class StudioModel(FakeLabelStudio):
    """Tasks and annotations in memory; each act leaves the event it sends."""

    is_sqlite = True  # ids are given out again

    def __init__(self, tasks):
        super().__init__([ls_task(number, annotations=[]) for number in range(1, tasks + 1)])
        self.clock, self.sent, self.changed_at = NOON, [], {}
        self.hooks, self.last_id = [], 0

    def annotate(self, task, regions, *, skipped=False):
        self._send("ANNOTATION_CREATED", annotation=self._new(task, regions, was_cancelled=skipped), task=_bare(task))

    def accept(self, tasks):
        """Create annotations from predictions, in bulk: nobody looked at them."""
        made = [self._new(task, boxes("p", "q"), parent_prediction=1, lead_time=None) for task in tasks]
        self._send("ANNOTATIONS_CREATED", annotation=made, task=[_bare(task) for task in tasks])

    def star(self, task, annotation):
        """Take an annotation as ground truth; the star of another goes, with no event and no new time."""
        for other in task["annotations"]:
            other["ground_truth"] = False
        annotation.update(ground_truth=True, updated_at=self._tick(task))
        self._send("ANNOTATION_UPDATED", annotation=dict(annotation), task=_bare(task))

    def edit(self, task, annotation, regions, *, skipped=False):
        annotation.update(result=regions, was_cancelled=skipped, updated_at=self._tick(task))
        self._send("ANNOTATION_UPDATED", annotation=dict(annotation), task=_bare(task))

    def relabel(self):
        """Add the label Plane to the label config, or take it away again."""
        with_plane = CONFIG.replace('"Person"/>', '"Person"/><Label value="Plane"/>')
        self.fields["label_config"] = with_plane if self.fields["label_config"] == CONFIG else CONFIG
        self._send("PROJECT_UPDATED", project=dict(self.fields))

    def delete_annotation(self, task, annotation):
        task["annotations"].remove(annotation)
        self._tick(task)
        self._send("ANNOTATIONS_DELETED", annotations=[{"id": annotation["id"]}])

    def delete_annotations(self, tasks):
        """The bulk action of the Data Manager."""
        gone = [{"id": annotation["id"]} for task in tasks for annotation in task["annotations"]]
        for task in tasks:
            task["annotations"].clear()
            self._tick(task)
        self._send("ANNOTATIONS_DELETED", annotations=gone)

    def delete_task(self, task):
        self.tasks.remove(task)
        self._send("TASKS_DELETED", tasks=[{"id": task["id"]}])

    def wipe(self):
        """Delete all tasks through the API, which sends no event."""
        self.tasks.clear()

    def change_data(self, task):
        """PATCH the data of a task, which sends no event."""
        task["data"] = {**task["data"], "image": f"/data/moved-{task['id']}-{self.clock:%H%M}.jpg"}
        self._tick(task)

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
        return dict(annotation, unique_id=f"u{annotation['id']}")  # which the API does not tell

    def _tick(self, task):
        self.clock += timedelta(minutes=1)
        self.changed_at[task["id"]] = self.clock
        return self.clock.isoformat()

    def _send(self, action, **payload):
        self.sent.append({"action": action, **payload})

    def now(self):
        return self.clock

    def outlines_since(self, project_id, moment):
        changed = [one for one in self.tasks if moment is None or self.changed_at.get(one["id"], NOON) > moment]
        return map(StoredTask, changed)

    def task_ids(self, project_id):
        return {task["id"] for task in self.tasks}

    def webhooks(self, project_id):
        return [WebhookState.of(hook) for hook in self.hooks]

    def create_webhook(self, **fields):
        self.hooks.append({"id": 1, **fields})


def _bare(task):
    return {"id": task["id"], "data": task["data"]}
