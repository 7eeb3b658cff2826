"""A model of a Label Studio that takes files and tasks; it may die between the two."""

from loop.label_studio.annotations import Annotation
from loop.label_studio.imports.tasks import MARK, ImportMark, MarkedTask, Upload
from loop.label_studio.tasks import StoredTask
from tests.builders import NOON
from tests.fakes import Killed
from tests.label_studio.fakes import StudioModel


class ImportingStudio(StudioModel):
    """*survives* is the number of batches that are imported before the process is killed."""

    def __init__(self, survives=1_000_000):
        super().__init__(0)
        self.files, self.batches, self.survives = [], [], survives

    def upload_files(self, project_id, files):
        first = len(self.files)
        self.files += files
        return [Upload(first + at, f"/data/upload/1/{first + at:08x}-{name}") for at, (name, _) in enumerate(files)]

    def import_tasks(self, project_id, tasks):
        if len(self.batches) >= self.survives:
            raise Killed
        self.batches.append(len(tasks))
        ids = [len(self.tasks) + 1 + at for at in range(len(tasks))]
        for task_id, task in zip(ids, tasks, strict=True):
            row = {"id": task_id, "project": project_id, **task.as_row()}
            for annotation in row.get("annotations") or []:
                made = NOON.isoformat()
                annotation.update(import_id=annotation["id"], id=1000 + task_id, created_at=made, updated_at=made)
            self.tasks.append(row)
        return ids

    def marked_tasks(self, project_id):
        for task in self.tasks:
            mark = task["meta"][MARK]
            yield MarkedTask(task["id"], ImportMark(mark["sha256"], mark["as"], mark["labels"]), task["data"], False)

    def all_outlines(self, project_id):
        return iter([StoredTask({key: task[key] for key in ("id", "data")}) for task in self.tasks])

    def create_annotation(self, task_id, **fields):
        (task,) = (task for task in self.tasks if task["id"] == task_id)
        made = NOON.isoformat()
        annotation = {"id": 1000 + task_id, "task": task_id, "created_at": made, "updated_at": made, **fields}
        task.setdefault("annotations", []).append(annotation)
        return Annotation(annotation)
