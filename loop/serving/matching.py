"""The part of the taxonomy that serving needs: the matches of shown boxes, ready to be written into a result."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

from loop.label_studio.projects import Project
from loop.serving.predict import Suggestion


class Matches(Protocol):
    """The matches of one task's regions."""

    def write_into(self, result: Sequence[Mapping[str, Any]], version: str) -> list[dict[str, Any]]:
        """Return the result of a prediction of *version* with the matches written into it."""


MatchBatch = Callable[[Sequence[Suggestion]], Mapping[int, Matches]]  # the matches of each task, by its id
MatchRequest = Callable[[int, str, Sequence[Suggestion]], Mapping[int, Matches]]  # of a project with a label config


def match_nothing(_: Sequence[Suggestion]) -> Mapping[int, Matches]:
    """Return no matches."""
    return {}


class Matching(Protocol):
    """Matches suggestions to the taxonomy; the wiring provides it."""

    def find_recorded(self, project: Project, suggestions: Sequence[Suggestion]) -> Mapping[int, Matches]:
        """Return the recorded matches of suggestions, by task."""

    def while_answering(self) -> MatchRequest:
        """Return the function that matches the suggestions of a request, within its time limit."""
