"""Requests to the API for programs."""

import base64

AUTH = {"Authorization": "Basic " + base64.b64encode(b"user:pass").decode()}
BULK, VERDICTS = "/loop/api/v1/annotations/bulk", "/loop/api/v1/verdicts"
CAR = {"label": "Car", "box": [0.1, 0.1, 0.4, 0.4]}


def create(task=1, **fields):
    return {"operation": "create", "task": task, "regions": [CAR], **fields}


def bulk(client, *operations, project=1, headers=None):
    return client.post(BULK, json={"project": project, "operations": operations}, headers={**AUTH, **(headers or {})})


def verdicts(client, query):
    return client.get(f"{VERDICTS}?{query}", headers=AUTH)
