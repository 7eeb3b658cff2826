"""The second door: the same predictor under label-studio-ml's own server, 1.0.9 and 2.x."""

from __future__ import annotations

import time
from collections.abc import Sequence
from functools import cache
from typing import Any

from label_studio_ml.model import LabelStudioMLBase

from loop.errors import PayloadError, UpstreamError
from loop.label_studio.interactive.prompts import find_context
from loop.label_studio.payloads import project_id_of, project_of
from loop.label_studio.tasks import read_tasks
from loop.label_studio.webhook import START_TRAINING
from loop.rooms import Rooms
from loop.serving.predictor import Predictor
from loop.training.ask import ask_training
from loop.wiring import build


class YoloBackend(LabelStudioMLBase):  # type: ignore[misc]
    """
    YOLO pre-annotations by the project's champion.

    The server of 1.0.9 names no project when it predicts, but every task does; that of 2.x gives it to the
    constructor.
    """

    TRAIN_EVENTS = (*LabelStudioMLBase.TRAIN_EVENTS, START_TRAINING)

    def __init__(self, project_id: object = None, label_config: str | None = None, **kwargs: Any) -> None:
        self._project_id = project_id
        self._label_config = label_config
        if _is_old():
            super().__init__(label_config=label_config, **kwargs)
        else:
            super().__init__(project_id=project_id, label_config=label_config)

    def setup(self) -> None:
        """Report the version to the server of 2.x, whose constructor calls this."""
        if self._project_id:
            self.set("model_version", predictor().version(project_id_of(self._project_id)))

    def predict(self, tasks: Sequence[dict[str, Any]], *_: Any, **given: Any) -> list[Any]:
        """
        Return one prediction per task, in the order of the tasks; an empty list where there was no time for one.

        With a context, it is the call of a click tool, which is never handed on here.
        """
        if not tasks:
            return []
        stored = read_tasks(tasks)
        project = self._project_id or stored[0].project
        if project is None:
            raise PayloadError("tasks[0].project", "a project id", None)
        request = project_id_of(project), self._label_config or "", stored
        context = find_context({"params": given})
        if context is None:
            answers = predictor().predict(*request)
        else:
            answers = predictor().answer_clicks(*request, context, time.monotonic())
        return [answer.as_answer() for answer in answers]

    def fit(self, *args: Any, **kwargs: Any) -> dict[str, str]:
        """Ask for a training where Start Training was pressed; reviews come in by the webhook of `loop connect`."""
        # 1.0.9 calls fit((), event=…, data=…), 2.x calls fit(event, data).
        event = kwargs.get("event", args[0] if args else None)
        data = kwargs.get("data", args[1] if len(args) > 1 else None)
        if event == START_TRAINING and isinstance(data, dict):
            try:
                ask_training(_rooms().trainings, project_of(data), "Start Training in Label Studio")
            except UpstreamError as error:
                return {"status": f"training kept for later: {error}"}
            return {"status": "training asked for"}
        return {"status": "nothing to do"}


def predictor() -> Predictor:
    """Return the predictor of this process; the server makes a new model per request, the detector stays in memory."""
    return _predictor()


@cache
def _rooms() -> Rooms:
    rooms = build()
    rooms.installation.machine.join(may_lead=True)
    return rooms


@cache
def _predictor() -> Predictor:
    return Predictor(_rooms().serving)


def _is_old() -> bool:
    """Whether the server is 1.0.9: only 2.x keeps state by project."""
    return not hasattr(LabelStudioMLBase, "set")
