"""A model of Label Studio's annotation API, which may die before or after it does what it is asked."""

from loop.errors import Refused, UpstreamError
from loop.label_studio.annotations import Annotation, write_annotation
from tests.fakes import Killed
from tests.label_studio.fakes import StudioModel


class BulkStudio(StudioModel):
    """Annotations written through the API; *faults* are what happens at the writes, in turn."""

    def __init__(self, tasks, faults=()):
        super().__init__(tasks)
        self.faults, self.writes, self.unique_ids = list(faults), 0, {}
        self.is_down = False

    def named_tasks(self, project_id, task_ids):
        self._answer()
        return super().named_tasks(project_id, task_ids)

    def annotation(self, annotation_id):
        self._answer()
        return Annotation(dict(self._found(annotation_id)[1]))

    def create_annotation(self, task_id, **fields):
        return Annotation(self._write(self._create, task_id, write_annotation(fields)))

    def update_annotation(self, annotation_id, **changes):
        return Annotation(self._write(self._update, annotation_id, write_annotation(changes)))

    def delete_annotation(self, annotation_id):
        self._write(self._delete, annotation_id)
        return True

    def annotation_of(self, project_id, task_id, unique_id):
        return next((Annotation(dict(one)) for one in self.annotations(task_id) if one["unique_id"] == unique_id), None)

    def annotations(self, task_id):
        return next(one["annotations"] for one in self.tasks if one["id"] == task_id)

    def _create(self, task_id, fields):
        if fields["unique_id"] in self.unique_ids:
            raise Refused("409: known unique_id", 409)
        task = next(one for one in self.tasks if one["id"] == task_id)
        regions = fields["result"]
        made = self._new(task, regions, **{key: value for key, value in fields.items() if key != "result"})
        self.unique_ids[fields["unique_id"]] = made["id"]
        self._send("ANNOTATION_CREATED", annotation=made, task={"id": task_id, "data": task["data"]})
        return made

    def _update(self, annotation_id, fields):
        task, annotation = self._found(annotation_id)
        annotation.update(fields, updated_at=self._tick(task))
        self._send("ANNOTATION_UPDATED", annotation=dict(annotation), task={"id": task["id"], "data": task["data"]})
        return dict(annotation)

    def _delete(self, annotation_id):
        task, annotation = self._found(annotation_id)
        self.unique_ids.pop(annotation["unique_id"], None)
        super().delete_annotation(task, annotation)

    def _found(self, annotation_id):
        for task in self.tasks:
            for annotation in task["annotations"]:
                if annotation["id"] == annotation_id:
                    return task, annotation
        raise Refused("404: not found", 404)

    def _answer(self):
        if self.is_down:
            raise UpstreamError("Label Studio did not answer")

    def _write(self, act, *given):
        self._answer()
        self.writes += 1
        fault = self.faults.pop(0) if self.faults else None
        if fault == "killed before":
            raise Killed
        if fault == "down before":
            raise UpstreamError("Label Studio did not answer")
        answer = act(*given)
        if fault == "killed after":
            raise Killed
        if fault == "down after":
            raise UpstreamError("Label Studio did not answer")
        return answer
