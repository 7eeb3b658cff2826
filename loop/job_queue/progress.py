"""The progress of a long job. Pure."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass


@dataclass(frozen=True, slots=True)
class JobProgress:
    """The images that are done and left, and how many are done a second."""

    done: int
    left: int
    rate: float

    @property
    def line(self) -> str:
        """The progress as text."""
        return (
            f"{self.done} done, {self.left} left, {self.rate:.1f} images a second, {self.left / self.rate:.0f} s left"
        )

    def write(self) -> str:
        """The progress as JSON."""
        return json.dumps(asdict(self))

    @classmethod
    def read(cls, text: str | bytes) -> JobProgress:
        """Return the progress of JSON that `write` made."""
        return cls(**json.loads(text))
