"""A training policy that a study tries: settings of the loop, and what the loop has no setting for."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest.mock import patch

from loop.registry.detectors import Detectors
from loop.training import trainer
from loop.training.trainer import TrainingPolicy

DEFAULT = "default"
FORMER = "least_steps=0"  # that of runs without a policy in their name, made before the loop had another
START = "start"  # what each training starts from: champion, or base
SETTINGS = ("epochs", "batch", "freeze", "least_steps", "image_size", "replay_share", "background_share")  # of the loop
ARGUMENTS: Mapping[str, type] = {  # of ultralytics
    "close_mosaic": int,
    "warmup_epochs": float,
    "optimizer": str,
    "lr0": float,
}


@dataclass(frozen=True, slots=True)
class StudyPolicy:
    """
    A policy: *settings* of the loop by name, *arguments* of ultralytics, and whether trainings start *from_base*.

    Its text is `default`, or its parts with a plus between them: `freeze=10+epochs=45`, `start=base`, `least_steps=0`.
    """

    settings: Mapping[str, str]
    arguments: Mapping[str, float | str]
    from_base: bool = False

    @classmethod
    def read(cls, text: str) -> StudyPolicy:
        """Read a text. Raises ValueError."""
        parts = dict(_read_part(part) for part in text.split("+")) if text != DEFAULT else {}
        start = parts.pop(START, "champion")
        if start not in ("champion", "base"):
            raise ValueError(f"start={start}: expected champion or base")
        arguments = {name: kind(parts.pop(name)) for name, kind in ARGUMENTS.items() if name in parts}
        return cls(parts, arguments, start == "base")

    @property
    def variables(self) -> dict[str, str]:
        """The settings as environment variables."""
        return {f"LOOP_{name.upper()}": value for name, value in self.settings.items()}

    @contextmanager
    def apply(self, detectors: Detectors) -> Iterator[None]:
        """Apply what no setting says to all trainings in the block."""
        own = trainer.arguments

        def arguments(run: Path, policy: TrainingPolicy) -> dict[str, Any]:
            return {**own(run, policy), **self.arguments}

        with ExitStack() as stack:
            stack.enter_context(patch.object(trainer, "arguments", arguments))
            if self.from_base:
                stack.enter_context(patch.object(detectors, "to_train", lambda _: detectors.base()))
            yield


def _read_part(text: str) -> tuple[str, str]:
    name, _, value = text.partition("=")
    names = (START, *SETTINGS, *ARGUMENTS)
    if name not in names or not value:
        raise ValueError(f"{text}: expected {DEFAULT}, or parts such as freeze=10 of {', '.join(names)}")
    return name, value
