"""Reads the instructions of a Dockerfile."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass


@dataclass(frozen=True)
class Step:
    """One instruction of a Dockerfile, with variables of the build in place of their names."""

    word: str
    text: str

    def as_list(self) -> list[str]:
        """Return the words of an instruction that is a JSON array, else what the shell would run."""
        return json.loads(self.text) if self.text.startswith("[") else ["/bin/sh", "-c", self.text]


def read_steps(text: str) -> Iterator[Step]:
    """Yield the instructions of a Dockerfile in their order."""
    lines = [line for line in text.splitlines() if not line.lstrip().startswith("#")]
    for line in re.sub(r"\\\n\s*", "", "\n".join(lines)).splitlines():
        if line.strip():
            word, rest = line.split(None, 1)
            yield Step(word, rest.strip())


def split_stages(steps: Iterator[Step]) -> Iterator[list[Step]]:
    """Yield the instructions before the first stage, and then those of each stage."""
    part: list[Step] = []
    for step in steps:
        if step.word == "FROM":
            yield part
            part = []
        part.append(step)
    yield part
