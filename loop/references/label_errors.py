"""Which references disagree with those around them, and so may have a wrong label. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from loop.vision.embedding import Entry, Neighbour


@dataclass(frozen=True, slots=True)
class ErrorPolicy:
    """
    How many *neighbours* vote, at least how many there must be, and the *share* of votes against a label that makes it
    suspect. Entries whose similarity is at least *twins* show the same thing.
    """

    neighbours: int = 10
    least: int = 3
    share: float = 0.7
    twins: float = 0.98


@dataclass(frozen=True, slots=True)
class Suspect:
    """A reference most of whose neighbours say *suggested*; *share* is theirs of all votes."""

    entry: Entry
    suggested: str
    share: float


@dataclass(frozen=True, slots=True)
class Contradiction:
    """Two references that show the same thing under two labels."""

    one: Entry
    other: Entry
    similarity: float


def suspects(found: Mapping[Entry, Sequence[Neighbour]], policy: ErrorPolicy) -> list[Suspect]:
    """
    The references whose label the vote of their nearest neighbours contradicts, the clearest first.

    Boxes of the same task have no vote: an annotator who errs once does so on the whole image. A vote weighs what it is
    similar.
    """
    every = (_vote(entry, _others(entry, near)[: policy.neighbours], policy) for entry, near in found.items())
    return sorted((one for one in every if one), key=lambda one: (-one.share, one.entry.task, one.entry.key))


def contradictions(found: Mapping[Entry, Sequence[Neighbour]], policy: ErrorPolicy) -> list[Contradiction]:
    """Every pair of references that look the same and are called otherwise, once, the most similar first."""
    pairs: dict[tuple[str, str], Contradiction] = {}
    for entry, near in found.items():
        for one in near:
            if one.similarity >= policy.twins and one.entry.label != entry.label:
                first, second = sorted((entry, one.entry), key=lambda each: each.key)
                pairs.setdefault((first.key, second.key), Contradiction(first, second, one.similarity))
    return sorted(pairs.values(), key=lambda pair: (-pair.similarity, pair.one.key))


def tasks_of(suspected: Sequence[Suspect], contradicting: Sequence[Contradiction]) -> list[int]:
    """The tasks to look at, each once, suspects first."""
    return list(dict.fromkeys([one.entry.task for one in suspected] + list(_tasks(contradicting))))


def _tasks(contradicting: Sequence[Contradiction]) -> Iterator[int]:
    for pair in contradicting:
        yield from (pair.one.task, pair.other.task)


def _others(entry: Entry, near: Sequence[Neighbour]) -> list[Neighbour]:
    return [one for one in near if one.entry.task != entry.task]


def _vote(entry: Entry, near: Sequence[Neighbour], policy: ErrorPolicy) -> Suspect | None:
    if len(near) < policy.least:
        return None
    votes: dict[str, float] = defaultdict(float)
    for one in near:
        votes[one.entry.label] += max(0.0, one.similarity)
    total = sum(votes.values())
    label, most = max(votes.items(), key=lambda vote: (vote[1], vote[0]))
    if label == entry.label or total <= 0 or most / total < policy.share:
        return None
    return Suspect(entry, label, most / total)
