"""Predicts many tasks with one version, and stores the predictions in Label Studio."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from loop.errors import NotStored
from loop.label_studio.projects import Project
from loop.label_studio.tasks import StoredTask
from loop.registry.loaded_version import LoadedVersion
from loop.serving.matching import MatchBatch, match_nothing
from loop.serving.pre_annotate import PredictionRun, pre_annotate
from loop.serving.predict import Suggestion
from loop.serving.queue_order import audit_draw
from loop.serving.room import ServingRoom

BATCH = 200  # tasks predicted, logged and stored at a time


@dataclass(frozen=True, slots=True)
class PredictionCounts:
    """
    How many tasks were predicted, or, where predictions are shown, stored.

    *broken* are the suggestions for tasks that could not be predicted. *refused* has, by task, the reason why Label
    Studio did not store a prediction. *left* is the number of tasks that are still to be predicted.
    """

    done: int = 0
    broken: Sequence[Suggestion] = ()
    refused: Mapping[int, str] = field(default_factory=dict)
    left: int = 0


def predict_and_store(
    serving: ServingRoom,
    project: Project,
    served: LoadedVersion,
    tasks: Sequence[StoredTask],
    execution: str,
    *,
    is_shadow: bool = False,
    is_shown: bool = True,
    match: MatchBatch = match_nothing,
) -> Iterator[PredictionCounts]:
    """
    Pre-annotate tasks with one version and, where *is_shown*, store the predictions in Label Studio, batch by batch.

    Yield the counts up to now after each batch. Audited tasks come last, because they are placed among the scores of
    all others. *match* returns the matches of a batch by task id. Raises UpstreamError, and DetectorBroken where the
    version detects on no image any more.
    """
    config = project.config().with_synonyms(serving.studio.classes.book(project.id).synonyms())
    done, broken, refused = 0, list[Suggestion](), dict[int, str]()
    run = PredictionRun(execution, is_shadow)
    ordered = sorted(tasks, key=lambda task: audit_draw(project.id, task.id, serving.policy.audit) is not None)
    for start in range(0, len(ordered), BATCH):
        batch = ordered[start : start + BATCH]
        answers = pre_annotate(serving, project.id, config, served, batch, match=match, run=run)
        broken += [answer.suggestion for answer in answers if answer.suggestion.error]
        predictions = [answer.prediction for answer in answers if answer.suggestion.error is None]
        try:
            done += serving.studio.client.store_predictions(project.id, predictions) if is_shown else len(predictions)
        except NotStored as error:
            done += error.stored
            refused |= error.reasons
        yield PredictionCounts(done, broken, refused, len(ordered) - start - len(batch))
