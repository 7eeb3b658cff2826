"""The part of the taxonomy that serving needs: matches, ready to be written into a result, and votes for labels."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol, TypeAlias

from loop.label_studio.label_config import LabelConfig
from loop.label_studio.projects import Project
from loop.serving.predict import Suggestion
from loop.serving.reference_labels import LabelVote


class Matches(Protocol):
    """The matches of one task's regions."""

    def write_into(self, result: Sequence[Mapping[str, Any]], version: str) -> list[dict[str, Any]]:
        """Return the result of a prediction of *version* with the matches written into it."""


MatchBatch = Callable[[Sequence[Suggestion]], Mapping[int, Matches]]  # the matches of each task, by its id
LabelVotes: TypeAlias = Mapping[int, Mapping[str, LabelVote]]  # by task, and by the region's id
VoteBatch = Callable[[Sequence[str], Sequence[Suggestion]], LabelVotes]  # of labels that no class of the version is


def match_nothing(_: Sequence[Suggestion]) -> Mapping[int, Matches]:
    """Return no matches."""
    return {}


def vote_for_nothing(_labels: Sequence[str], _: Sequence[Suggestion]) -> LabelVotes:
    """Return no votes."""
    return {}


class RequestMatching(Protocol):
    """Matches the suggestions of requests, each within its time limit."""

    def __call__(self, project_id: int, label_config: str, suggestions: Sequence[Suggestion]) -> Mapping[int, Matches]:
        """Return the matches of shown boxes to the taxonomy, by task."""

    def vote(
        self, project_id: int, config: LabelConfig, labels: Sequence[str], suggestions: Sequence[Suggestion]
    ) -> LabelVotes:
        """Return the votes of the nearest references for *labels*, on the boxes of suggestions."""


class Matching(Protocol):
    """Matches suggestions to the taxonomy; the wiring provides it."""

    def find_recorded(self, project: Project, suggestions: Sequence[Suggestion]) -> Mapping[int, Matches]:
        """Return the recorded matches of suggestions, by task."""

    def while_answering(self) -> RequestMatching:
        """Return the object that matches the suggestions of requests, each within its time limit."""
