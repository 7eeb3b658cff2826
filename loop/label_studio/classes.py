"""The classes of a project: ids that never move, names that may change, labels that somebody must decide on. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from loop.errors import PayloadError, UnknownClass


@dataclass(frozen=True, slots=True)
class ObjectClass:
    """One class. *merged_into* is the id that its boxes have now; a retired one has no boxes in any snapshot."""

    id: int
    name: str
    former: tuple[str, ...] = ()
    merged_into: int | None = None
    is_retired: bool = False


@dataclass(frozen=True, slots=True)
class Labels:
    """
    What becomes of a box by its label.

    *names* are the classes by id, *ids* those of every label that is taken, former names too. Boxes with a *retired*
    label are dropped; boxes with an *undecided* one, which the label config lost, are kept and named.
    """

    names: tuple[str, ...]
    ids: Mapping[str, int]
    retired: frozenset[str] = frozenset()
    undecided: frozenset[str] = frozenset()

    @classmethod
    def of(cls, names: Sequence[str]) -> Labels:
        """Labels that are all there is to know; a name that comes twice is one class."""
        distinct = tuple(dict.fromkeys(names))
        return cls(distinct, {name: class_id for class_id, name in enumerate(distinct)})

    @property
    def former(self) -> dict[str, int]:
        """The ids of labels that are not the name of their class: detectors of old still say them."""
        return {label: class_id for label, class_id in self.ids.items() if self.names[class_id] != label}


@dataclass(frozen=True, slots=True)
class ClassBook:
    """All classes of a project, by id."""

    classes: tuple[ObjectClass, ...] = field(default=())

    def get(self, name: str) -> ObjectClass:
        """Return the class that bears a name now. Raises UnknownClass."""
        for one in self.classes:
            if one.name == name and one.merged_into is None:
                return one
        raise UnknownClass(name, [one.name for one in self.classes if one.merged_into is None])

    def labels(self, in_config: Iterable[str]) -> Labels:
        """What becomes of a box by its label, where the label config has *in_config*."""
        present = {self._resolved(one).id for one in self.classes if {one.name, *one.former} & set(in_config)}
        ids: dict[str, int] = {}
        retired, undecided = set(), set()
        for one in self.classes:
            now = self._resolved(one)
            ids |= dict.fromkeys((*one.former, one.name), now.id)
            if now.is_retired:
                retired |= {*one.former, one.name}
            elif now.id not in present:
                undecided |= {*one.former, one.name}
        return Labels(tuple(one.name for one in self.classes), ids, frozenset(retired), frozenset(undecided))

    def synonyms(self) -> dict[str, tuple[str, ...]]:
        """All names of the same class by each of them, the present name first; of classes that ever had another."""
        labels = self.labels(())
        by_id: dict[int, list[str]] = {}
        for label, class_id in labels.ids.items():
            by_id.setdefault(class_id, [labels.names[class_id]]).append(label)
        found = {label: tuple(dict.fromkeys(by_id[class_id])) for label, class_id in labels.ids.items()}
        return {label: names for label, names in found.items() if len(names) > 1}

    def rename(self, old: str, new: str) -> list[ObjectClass]:
        """
        Return the classes that change when *old* is called *new*: its id stays, and its old name still means it.

        Where *new* is another class already, *old* is merged into it. Raises UnknownClass, PayloadError.
        """
        one = self.get(old)
        if not new.strip() or new == old:
            raise PayloadError("new name", f"a name other than {old!r}", new)
        for other in self.classes:
            if other.name == new and other.merged_into not in (None, one.id):
                raise PayloadError("new name", f"not {new!r}, which is part of another class since", new)
            if other.name == new:
                return [replace(other, merged_into=None), replace(one, merged_into=other.id)]
            if new in other.former and other.id != one.id:
                meant = f"a name that is not a former name of {other.name!r}: old reviews mean that class by it"
                raise PayloadError("new name", meant, new)
        former = tuple(name for name in (*one.former, old) if name != new)
        return [replace(one, name=new, former=former)]

    def _resolved(self, one: ObjectClass) -> ObjectClass:
        """The class that a merged one is part of; rename never makes a ring."""
        while one.merged_into is not None:
            one = self.classes[one.merged_into]
        return one
