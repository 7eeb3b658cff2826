"""Requests to the API for programs."""

import base64

AUTH = {"Authorization": "Basic " + base64.b64encode(b"user:pass").decode()}
BULK, VERDICTS = "/loop/api/v1/annotations/bulk", "/loop/api/v1/verdicts"
LOGIN = {"BASIC_AUTH_USER": "user", "BASIC_AUTH_PASS": "pass"}
CAR = {"label": "Car", "box": [0.1, 0.1, 0.4, 0.4]}


def client_of(app):
    """A client that sends the login of the settings with each request that has no other."""
    client = app.test_client()
    client.environ_base["HTTP_AUTHORIZATION"] = AUTH["Authorization"]
    return client


def create(task=1, **fields):
    return {"operation": "create", "task": task, "regions": [CAR], **fields}


def bulk(client, *operations, project=1, headers=None):
    return client.post(BULK, json={"project": project, "operations": operations}, headers={**AUTH, **(headers or {})})


def verdicts(client, query):
    return client.get(f"{VERDICTS}?{query}", headers=AUTH)
