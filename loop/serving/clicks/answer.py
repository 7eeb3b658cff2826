"""Answers the call of a click tool by the best candidate boxes of the version that serves."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import replace

from loop.label_studio.interactive.prompts import Context, read_drawing
from loop.label_studio.label_config import LabelConfig
from loop.label_studio.prediction_import import NewPrediction
from loop.label_studio.result_format import write_result
from loop.label_studio.tasks import StoredTask
from loop.registry.loaded_version import LoadedVersion
from loop.serving.clicks.choose import choose
from loop.serving.matching import VoteBatch, vote_for_nothing
from loop.serving.pre_annotate import PreAnnotation, label_by_references, suggest
from loop.serving.room import ServingRoom


def answer_clicks(
    serving: ServingRoom,
    config: LabelConfig,
    served: LoadedVersion,
    tasks: Sequence[StoredTask],
    context: Context,
    deadline: float,
    vote: VoteBatch = vote_for_nothing,
) -> list[PreAnnotation]:
    """
    Answer what was drawn on each of the tasks by the candidates, shown or held back, that are meant by it.

    A candidate of a class that no label means has the label by the *vote* of the references, else the one that the
    annotator chose. Nothing is logged: the annotator asked for these boxes, and the version did not show them. A region
    gets an id of its own, because the same candidate may stand on the canvas already. Raises DetectorBroken where the
    version detects on no image any more.
    """
    drawing = read_drawing(context, config)
    answers = []
    for suggestion in label_by_references(suggest(tasks, config, served, serving, deadline), config, served, vote):
        chosen = choose(drawing, (*suggestion.shown, *suggestion.hidden), suggestion.foreign)
        regions = [replace(region, id=uuid.uuid4().hex[:12]) for region in chosen]
        score = max((region.score or 0.0 for region in regions), default=0.0)
        result = write_result(regions, config, suggestion.size)
        answers.append(PreAnnotation(suggestion, NewPrediction(suggestion.task_id, suggestion.version, score, result)))
    return answers
