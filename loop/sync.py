"""Record the reviews that Label Studio has and no event told us of."""

from __future__ import annotations

from loop.errors import PayloadError
from loop.ls_format import read_review
from loop.parts import Parts
from loop.review import ask_when_due, judge_tasks


def sync(parts: Parts, project_id: int) -> str:
    """Record every completed annotation of a project as if its event had come now; known states change nothing."""
    image_key = parts.projects.get(project_id).config().image_key
    touched: set[int] = set()
    unreadable = 0
    for task in parts.label_studio.reviewed_tasks(project_id):
        image = (task.get("data") or {}).get(image_key)
        for annotation in task.get("annotations") or []:
            try:
                review = read_review(annotation, project_id=project_id, task_id=task["id"])
            except PayloadError:
                unreadable += 1
                continue
            if parts.reviews.record(review, image if isinstance(image, str) else None):
                touched.add(task["id"])
    judge_tasks(parts, project_id, touched)
    asked = bool(touched) and ask_when_due(parts, project_id)
    line = f"{len(touched)} tasks with reviews that were not known"
    return line + (f", {unreadable} unreadable" if unreadable else "") + (", training asked for" if asked else "")
