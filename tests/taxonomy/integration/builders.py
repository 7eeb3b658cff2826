"""What Label Studio asks the backend under `loop up`."""

import httpx

from tests.services import project_of


def ask_predict(loop_settings, api, project_id, task_id):
    """What `/predict` answers for a task, as Label Studio asks."""
    task = api.get(f"/api/tasks/{task_id}/").json()
    body = {"tasks": [{"id": task_id, "data": task["data"]}], "project": f"{project_id}.1", "model_version": None}
    body["label_config"] = project_of(api, project_id)["label_config"]
    auth = (loop_settings.basic_auth_user, loop_settings.basic_auth_pass)
    answer = httpx.post(f"{loop_settings.local_url}/predict", json=body, auth=auth, timeout=60)
    return answer.raise_for_status().json()["results"][0]["result"]
