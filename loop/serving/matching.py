"""What serving is given of the taxonomy: the matches of what is shown, ready to be written into a result."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from loop.label_studio.projects import Project
from loop.serving.predict import Suggestion

if TYPE_CHECKING:
    from loop.parts import Parts


class Matches(Protocol):
    """The matches of one task's regions."""

    def write_into(self, result: Sequence[Mapping[str, Any]], version: str) -> list[dict[str, Any]]:
        """Write them into the result of a prediction of *version*."""


MatchBatch = Callable[[Sequence[Suggestion]], Mapping[int, Matches]]  # the matches of each task, by its id
MatchRequest = Callable[[int, str, Sequence[Suggestion]], Mapping[int, Matches]]  # of a project with a label config


@dataclass(frozen=True, slots=True)
class Matching:
    """
    How suggestions are matched; the wiring fills it in.

    *known* gives the matches in the records. *while_answering* makes what matches a request, for at most some seconds.
    """

    known: Callable[[Parts, Project, Sequence[Suggestion]], Mapping[int, Matches]]
    while_answering: Callable[[Parts, float], MatchRequest]
