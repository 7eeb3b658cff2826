"""The work of one process in a training, and how it fails."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from loop.errors import LoopError, TrainingFailed
from loop.failures import describe_error, is_out_of_memory
from loop.storage.files import name_full_disk
from loop.training.callbacks import Callbacks, Watch


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a training ended early; *batch* is the number of images a batch for which memory ran out, if it did."""

    message: str
    batch: int | None = None

    def as_json(self) -> str:
        """Return the failure as one line."""
        return json.dumps(asdict(self))


@dataclass(frozen=True, slots=True)
class TrainingWork:
    """
    A training as plain values, which a process can hand to another as text.

    *weights* are the start weights, or ultralytics' checkpoint; *checkpoint* is where the whole one is kept; *batch* is
    the number of images a batch; *least_steps* is that of the policy; *arguments* are those of ultralytics.
    """

    weights: str
    checkpoint: str
    batch: int
    least_steps: int
    arguments: Mapping[str, Any]

    def as_json(self) -> str:
        """Return the work as one line."""
        return json.dumps(asdict(self))

    def run(self, watch: Watch) -> Failure | None:
        """
        Train to the end and return None, or return the failure for which memory ran out.

        Raises TrainingFailed, and any error of ours that *watch* raises.
        """
        from ultralytics import YOLO

        callbacks = Callbacks(Path(self.checkpoint), self.batch, self.least_steps, watch)
        try:
            with name_full_disk(Path(self.checkpoint).parent):
                model = YOLO(self.weights, task="detect")
                for event in Callbacks.EVENTS:
                    model.add_callback(event, getattr(callbacks, event))
                model.train(**self.arguments)
        except LoopError:
            raise
        except Exception as error:
            if not is_out_of_memory(error):
                raise TrainingFailed(describe_error(error)) from error
            return Failure(describe_error(error), callbacks.batch)
        return None
