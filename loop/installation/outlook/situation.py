"""What a project does or waits for, each with a name and the reason. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from loop.gate.rule import GateOutcome
from loop.printable import count_of


class Situation(StrEnum):
    """What a project does or waits for."""

    UNDER_WAY = "under way"  # a job works on it
    WAITING = "waiting"  # for reviews, or for weights
    HELD = "held"  # a person decides whether a version serves
    FAILED = "failed"  # the last training


@dataclass(frozen=True, slots=True)
class LastTraining:
    """The newest training: its *state* in a word, what it is *doing*, the *reason* of its end, and its version."""

    state: str
    is_open: bool
    doing: str
    reason: str
    version: str


@dataclass(frozen=True, slots=True)
class ProjectFacts:
    """
    The facts of a project that its situation follows from.

    *blind* says what is suggested though no class of the champion is a label; empty where one is. *left* is the number
    of reviews until the next training.
    """

    champion: str | None
    is_refreshing: bool
    blind: str
    left: int
    last: LastTraining | None


@dataclass(frozen=True, slots=True)
class Standing:
    """A situation with its reason, to be read as one line."""

    situation: Situation
    reason: str

    def __str__(self) -> str:
        return f"{self.situation}: {self.reason}"


def find_standings(facts: ProjectFacts) -> tuple[Standing, ...]:
    """Return what a project does or waits for, at least one line: a decision of a person first, reviews last."""
    if facts.champion is None:
        reason = "no version serves, because the start weights are not here; `loop connect` tries them again"
        return (Standing(Situation.WAITING, reason),)
    lines: list[Standing] = []
    last, is_training = facts.last, facts.last is not None and facts.last.is_open
    if last and last.state == GateOutcome.HELD and last.version != facts.champion:
        lines.append(Standing(Situation.HELD, f"{last.version} waits for a person: {last.reason}"))
    if last and last.state == "failed":
        lines.append(Standing(Situation.FAILED, f"the last training: {last.reason}"))
    if facts.is_refreshing:
        lines.append(Standing(Situation.UNDER_WAY, f"the open tasks are predicted with {facts.champion}"))
    if last and is_training:
        lines.append(Standing(Situation.UNDER_WAY, f"a training: {last.doing}"))
    if not is_training:
        refused = f"{last.version} was refused: {last.reason}; " if last and last.state == GateOutcome.REFUSED else ""
        lines.append(Standing(Situation.WAITING, f"{refused}{_describe_wait(facts.left)}"))
    if facts.blind:
        lines.append(Standing(Situation.WAITING, facts.blind))
    return tuple(lines)


def _describe_wait(left: int) -> str:
    if left <= 0:
        return "the next training is asked for within seconds, or when the cool-down is over"
    return f"{count_of(left, 'more review')} until the next training; `loop retrain` or Start Training begins it now"
