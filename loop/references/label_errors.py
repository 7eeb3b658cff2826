"""References that disagree with their neighbours, and may have a wrong label. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from loop.references.entries import Entry, Neighbour


@dataclass(frozen=True, slots=True)
class ErrorPolicy:
    """
    The number of *neighbours* that vote, the *least* number of votes, and the *share* of votes for another label that
    makes a label suspect. Entries with a similarity of at least *twins* show the same object.
    """

    neighbours: int = 10
    least: int = 3
    share: float = 0.7
    twins: float = 0.98


@dataclass(frozen=True, slots=True)
class Suspect:
    """A reference whose neighbours vote for the label *suggested* with a *share* of all votes."""

    entry: Entry
    suggested: str
    share: float


@dataclass(frozen=True, slots=True)
class Contradiction:
    """Two references that show the same object under two labels."""

    first: Entry
    second: Entry
    similarity: float


def find_suspects(neighbours: Mapping[Entry, Sequence[Neighbour]], policy: ErrorPolicy) -> list[Suspect]:
    """
    Return references whose label their nearest neighbours contradict, clearest first.

    Boxes of the same task do not vote: an annotator often repeats an error on one image. The weight of a vote is its
    similarity.
    """
    results = (
        _vote(entry, _choose_others(entry, near)[: policy.neighbours], policy) for entry, near in neighbours.items()
    )
    suspected = (suspect for suspect in results if suspect)
    return sorted(suspected, key=lambda suspect: (-suspect.share, suspect.entry.task, suspect.entry.key))


def find_contradictions(neighbours: Mapping[Entry, Sequence[Neighbour]], policy: ErrorPolicy) -> list[Contradiction]:
    """Return pairs of references that look the same under different labels, each pair once, most similar first."""
    pairs: dict[tuple[str, str], Contradiction] = {}
    for entry, near in neighbours.items():
        for neighbour in near:
            if neighbour.similarity >= policy.twins and neighbour.entry.label != entry.label:
                first, second = sorted((entry, neighbour.entry), key=lambda reference: reference.key)
                pairs.setdefault((first.key, second.key), Contradiction(first, second, neighbour.similarity))
    return sorted(pairs.values(), key=lambda pair: (-pair.similarity, pair.first.key))


def list_tasks(suspected: Sequence[Suspect], contradicting: Sequence[Contradiction]) -> list[int]:
    """Return the tasks to check, each once, suspects first."""
    return list(dict.fromkeys([suspect.entry.task for suspect in suspected] + list(_list_contradicting(contradicting))))


def _list_contradicting(contradicting: Sequence[Contradiction]) -> Iterator[int]:
    for pair in contradicting:
        yield from (pair.first.task, pair.second.task)


def _choose_others(entry: Entry, near: Sequence[Neighbour]) -> list[Neighbour]:
    return [neighbour for neighbour in near if neighbour.entry.task != entry.task]


def _vote(entry: Entry, near: Sequence[Neighbour], policy: ErrorPolicy) -> Suspect | None:
    if len(near) < policy.least:
        return None
    votes: dict[str, float] = defaultdict(float)
    for neighbour in near:
        votes[neighbour.entry.label] += max(0.0, neighbour.similarity)
    total = sum(votes.values())
    label, most = max(votes.items(), key=lambda vote: (vote[1], vote[0]))
    if label == entry.label or total <= 0 or most / total < policy.share:
        return None
    return Suspect(entry, label, most / total)
