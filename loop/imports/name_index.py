"""Finds what a name of a dataset means among paths, by the longest end that both share. Pure."""

from __future__ import annotations

import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Sequence
from pathlib import PurePosixPath
from typing import Generic, TypeVar

T = TypeVar("T")
Parts = Sequence[str]
Likeness = tuple[bool, int]


class NameIndex(Generic[T]):
    """Things by the paths that name them, up to the Unicode form of accented letters."""

    def __init__(self, named: Iterable[tuple[Parts, T]]) -> None:
        self._by_name: dict[str, list[tuple[Parts, T]]] = defaultdict(list)
        self._by_stem: dict[str, list[tuple[Parts, T]]] = defaultdict(list)
        for parts, thing in named:
            composed = compose(parts)
            self._by_name[composed[-1]].append((composed, thing))
            self._by_stem[PurePosixPath(composed[-1]).stem].append((composed, thing))

    def find(self, parts: Parts, *, by_stem: bool = False) -> list[T]:
        """
        Return the things whose path has the same file name, and shares the longest end with *parts*.

        If there is none, or only *by_stem* is asked for, the name may lack its suffix, or differ in it.
        """
        return self.match(parts, by_stem=by_stem)[1]

    def match(self, parts: Parts, *, by_stem: bool = False) -> tuple[Likeness, list[T]]:
        """Return the same, with how much the paths are alike: whole names before stems, then the folders shared."""
        wanted = compose(parts)
        named = [] if by_stem else self._by_name.get(wanted[-1], [])
        is_whole = bool(named)
        named = named or self._by_stem.get(wanted[-1]) or self._by_stem.get(PurePosixPath(wanted[-1]).stem) or []
        shared = [(_count_shared(path[:-1], wanted[:-1]), thing) for path, thing in named]
        most = max((count for count, _ in shared), default=0)
        return (is_whole, most), [thing for count, thing in shared if count == most]


def split_name(name: str) -> list[str]:
    """Return the parts of a path as a dataset writes it, with slashes of either kind."""
    return [part for part in name.replace("\\", "/").split("/") if part not in ("", ".")]


def compose(parts: Parts) -> list[str]:
    """Compose accented letters, which systems write in one or two characters."""
    return [unicodedata.normalize("NFC", part) for part in parts]


def _count_shared(ours: Parts, theirs: Parts) -> int:
    count = 0
    for our_part, their_part in zip(reversed(ours), reversed(theirs), strict=False):
        if our_part != their_part:
            break
        count += 1
    return count
