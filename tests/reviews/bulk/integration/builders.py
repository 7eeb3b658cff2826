"""Requests in bulk to a real Label Studio."""

from loop.reviews.verdict_query import VerdictFilter

TASKS = 12
NEW = {"label": "item", "box": [0.05, 0.05, 0.15, 0.2]}


def task_ids(api, project_id):
    tasks = api.get("/api/tasks", params={"project": project_id, "page_size": 100}).json()["tasks"]
    return sorted(task["id"] for task in tasks)


def annotations(api, task_id):
    return api.get(f"/api/tasks/{task_id}/annotations/").json()


def verdicts(rooms, project_id, **wanted):
    return list(rooms.reviews.verdicts.all(VerdictFilter(project=project_id, **wanted)))
