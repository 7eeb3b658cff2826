"""The requests and answers of Label Studio's protocol, and our errors, as the description of the API shows them."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

REGION_EXAMPLE = {
    "id": "3f1c09aa51be",
    "from_name": "label",
    "to_name": "image",
    "type": "rectanglelabels",
    "original_width": 640,
    "original_height": 480,
    "image_rotation": 0,
    "score": 0.83,
    "value": {"x": 10.0, "y": 20.0, "width": 30.0, "height": 25.0, "rotation": 0, "rectanglelabels": ["Car"]},
}
CONFIG_EXAMPLE = (
    '<View><Image name="image" value="$image"/>'
    '<RectangleLabels name="label" toName="image"><Label value="Car"/></RectangleLabels></View>'
)


def with_examples(*examples: dict[str, Any]) -> ConfigDict:
    """The configuration of a model with examples of it."""
    return ConfigDict(json_schema_extra={"examples": list(examples)})


class Error(BaseModel):
    """An error: its message, its kind, and the wrong field if it has one."""

    model_config = with_examples(
        {"error": "project: expected a project id, found x", "type": "PayloadError", "field": "project"}
    )
    error: str
    type: str
    field: str | None = None


class Health(BaseModel):
    """The answer of a process that runs."""

    model_config = with_examples({"status": "UP", "model_class": "YoloBackend"})
    status: str
    model_class: str


class SetupRequest(BaseModel):
    """Label Studio's question for the version; `project` is the id, or the id and a time."""

    model_config = with_examples(
        {"project": "7.1795399212", "schema": CONFIG_EXAMPLE, "hostname": "", "access_token": ""}
    )
    project: str | int
    label_config: Annotated[str, Field(alias="schema", description="the label config, XML")]


class SetupAnswer(BaseModel):
    """The version that `/predict` uses now."""

    model_config = with_examples({"model_version": "yolo_detector@1.4.0"})
    model_version: str


class TaskToPredict(BaseModel):
    """One task as Label Studio sends it."""

    model_config = with_examples({"id": 12, "data": {"image": "/data/upload/7/a.jpg"}})
    id: int
    data: dict[str, Any]


class PredictRequest(BaseModel):
    """Tasks to predict, all of one project."""

    model_config = with_examples(
        {
            "tasks": [{"id": 12, "data": {"image": "/data/upload/7/a.jpg"}}],
            "project": "7.1795399212",
            "label_config": CONFIG_EXAMPLE,
            "params": {"login": None, "password": None, "context": None},
        }
    )
    tasks: list[TaskToPredict]
    project: str | int
    label_config: str
    params: Annotated[dict[str, Any], Field(description="`context` is set in the call of a click tool")] = {}


class Prediction(BaseModel):
    """One task's result; tasks with the lowest score are to be reviewed first."""

    model_config = with_examples({"model_version": "yolo_detector@1.4.0", "score": 0.31, "result": [REGION_EXAMPLE]})
    model_version: str
    score: Annotated[float, Field(ge=0, le=1)]
    result: list[dict[str, Any]]


class PredictAnswer(BaseModel):
    """
    One result per task, in the order of the tasks; errors by task id, or by place (`tasks[3]`) without an id.

    A task for which there was no time has an empty list as its result: Label Studio stores nothing for it.
    """

    model_config = with_examples(
        {
            "results": [{"model_version": "yolo_detector@1.4.0", "score": 0.31, "result": [REGION_EXAMPLE]}],
            "errors": {"13": "/data/upload/7/b.jpg: HTTP 404"},
        }
    )
    results: list[Prediction | Annotated[list[Prediction], Field(max_length=0)]]
    errors: dict[str, str] | None = None


class Event(BaseModel):
    """An event of Label Studio's webhook; its other fields depend on the action."""

    model_config = with_examples({"action": "ANNOTATIONS_DELETED", "annotations": [{"id": 31}], "project": {"id": 7}})
    action: str


class EventAnswer(BaseModel):
    """Whether the event is new; a job processes it later."""

    model_config = with_examples({"status": "appended"})
    status: str


class Versions(BaseModel):
    """Names of versions, newest first."""

    model_config = with_examples({"versions": ["yolo_detector@1.4.0", "yolo_detector@1.3.0"]})
    versions: list[str]


class VersionsQuery(BaseModel):
    """A project."""

    project: Annotated[str | None, Field(description="a project id; without it, of every project")] = None
