"""The classes of a project: ids never move, names may change; and how they fit the label config. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TypeVar

from loop.errors import PayloadError, UnknownClass
from loop.label_studio.label_config import LabelConfig
from loop.label_studio.label_config_xml import fold
from loop.regions import Region
from loop.storage.storable import LONGEST_NAME

T = TypeVar("T")
Synonyms = Mapping[str, tuple[str, ...]]  # each name of a renamed class, to all its names, the current one first
MOST_NAMED = 10
RETIRED = "retired: no version learns from its boxes"
FIT_ADVICE = (
    "review tasks until the next training, which learns the labels, or say in the label config which class a label "
    'is, as in <Label value="Vehicle" predicted_values="car,truck"/>, and run `loop connect` again'
)


@dataclass(frozen=True, slots=True)
class ObjectClass:
    """
    One class. *former* are its earlier names.

    *merged_into* is the id that its boxes have now. Boxes of a retired class are left out of snapshots.
    """

    id: int
    name: str
    former: tuple[str, ...] = ()
    merged_into: int | None = None
    is_retired: bool = False


@dataclass(frozen=True, slots=True)
class ClassIndex:
    """
    The class of a box by its label.

    *names* are the classes by id; *ids* maps every label, also a former name, to its class. Boxes with a *retired*
    label are dropped. Boxes with an *undecided* label, which the label config lost, are kept and reported.
    """

    names: tuple[str, ...]
    ids: Mapping[str, int]
    retired: frozenset[str] = frozenset()
    undecided: frozenset[str] = frozenset()

    @classmethod
    def of(cls, names: Sequence[str]) -> ClassIndex:
        """Make one class of each distinct name, without former names."""
        distinct = tuple(dict.fromkeys(names))
        return cls(distinct, {name: class_id for class_id, name in enumerate(distinct)})

    @property
    def former(self) -> dict[str, int]:
        """The ids of labels that are a former name of their class: old detectors still use them."""
        return {label: class_id for label, class_id in self.ids.items() if self.names[class_id] != label}


@dataclass(frozen=True, slots=True)
class ClassBook:
    """All classes of a project, by id."""

    classes: tuple[ObjectClass, ...] = field(default=())

    def get(self, name: str) -> ObjectClass:
        """Return the class with the current name *name*. Raises UnknownClass."""
        current = [known for known in self.classes if known.merged_into is None]
        for known in current:
            if known.name == name:
                return known
        raise UnknownClass(name, [known.name for known in current])

    def labels(self, in_config: Iterable[str]) -> ClassIndex:
        """Return the class of each label, for a label config with the labels *in_config*."""
        present = {self._follow(known).id for known in self.classes if {known.name, *known.former} & set(in_config)}
        ids: dict[str, int] = {}
        retired, undecided = set(), set()
        for known in self.classes:
            current, names = self._follow(known), (*known.former, known.name)
            ids |= dict.fromkeys(names, current.id)
            if current.is_retired:
                retired |= set(names)
            elif current.id not in present:
                undecided |= set(names)
        return ClassIndex(tuple(known.name for known in self.classes), ids, frozenset(retired), frozenset(undecided))

    def find_other_name(self, name: str) -> str | None:
        """
        Return the current name of the class that *name* means by a former name, or from which it differs only in case.

        None for the current name of a class, and for a name that means no class.
        """
        labels = self.labels(())
        ids = {fold(known): class_id for known, class_id in labels.ids.items()}
        class_id = labels.ids.get(name, ids.get(fold(name)))
        return None if class_id is None or labels.names[class_id] == name else labels.names[class_id]

    def synonyms(self) -> dict[str, tuple[str, ...]]:
        """Map each name of a class that was ever renamed or merged to all its names, the current name first."""
        by_id: dict[int, dict[str, None]] = {}
        for known in self.classes:
            if known.former or known.merged_into is not None:
                current = self._follow(known)
                names = by_id.setdefault(current.id, dict.fromkeys((current.name, *current.former)))
                names |= dict.fromkeys((*known.former, known.name))
        return {label: tuple(names) for names in by_id.values() for label in names}

    def rename(self, old: str, new: str) -> list[ObjectClass]:
        """
        Return the classes that change if *old* is renamed to *new*; the id stays, and the old name still means it.

        If *new* is another class, *old* is merged into it. Raises UnknownClass, PayloadError.
        """
        renamed = self.get(old)
        if not new.strip() or new == old or len(new) > LONGEST_NAME:
            raise PayloadError("new name", f"a name other than {old!r}, of at most {LONGEST_NAME} characters", new)
        for other in self.classes:
            if other.name == new and other.merged_into not in (None, renamed.id):
                raise PayloadError("new name", f"not {new!r}, which is part of another class since", new)
            if other.name == new:
                return [replace(other, merged_into=None), replace(renamed, merged_into=other.id)]
            if new in other.former and other.id != renamed.id:
                expected = f"a name that is not a former name of {other.name!r}: old reviews mean that class by it"
                raise PayloadError("new name", expected, new)
        former = tuple(name for name in (*renamed.former, old) if name != new)
        return [replace(renamed, name=new, former=former)]

    def _follow(self, known: ObjectClass) -> ObjectClass:
        """Return the class that a merged class is part of. `rename` never makes a circle."""
        while known.merged_into is not None:
            known = self.classes[known.merged_into]
        return known


@dataclass(frozen=True, slots=True)
class ClassFit:
    """*label_of* maps classes to labels; *labels* lack a class, so nothing suggests them; *classes* lack a label."""

    label_of: Mapping[str, str]
    labels: tuple[str, ...]
    classes: tuple[str, ...]

    @property
    def is_empty(self) -> bool:
        """Whether no class fits any label."""
        return not self.label_of


def fit_classes(config: LabelConfig, class_names: Sequence[str]) -> ClassFit:
    """Compare the classes of a detector with the labels of a config."""
    label_of = config.label_map(class_names)
    suggested = set(label_of.values())
    labels = tuple(name for name in dict.fromkeys(config.label_names) if name not in suggested)
    return ClassFit(label_of, labels, tuple(name for name in class_names if name not in label_of))


def name_today(config: LabelConfig, labels: Iterable[str]) -> dict[str, str]:
    """
    Map labels of records to their names of today: old records have the former names of classes.

    The name is the current one of the class, or the label of the config that means it, else the label itself.
    """
    current = {label: config.synonyms.get(label, (label,))[0] for label in labels}
    meant = config.label_map(current.values())
    return {label: meant.get(name, name) for label, name in current.items()}


def name_classes(regions: Iterable[Region], synonyms: Synonyms) -> tuple[Region, ...]:
    """Return regions labelled with the current names of their classes, by the *synonyms* of a class book."""
    return tuple(replace(region, label=synonyms.get(region.label, (region.label,))[0]) for region in regions)


def spread_over_names(values: Mapping[str, T], synonyms: Synonyms) -> dict[str, T]:
    """
    Return the value of each label, under all names of its class; labels without a value are absent.

    The value of the current name comes first, then the label's own, then that of any other name.
    """
    spread = dict(values)
    for label, names in synonyms.items():
        if known := [name for name in (names[0], label, *names) if name in values]:
            spread[label] = values[known[0]]
    return spread


def join_names(names: Sequence[str]) -> str:
    """Return the first names as text, with the number of the others."""
    shown = ", ".join(names[:MOST_NAMED])
    return f"{shown} and {len(names) - MOST_NAMED} more" if len(names) > MOST_NAMED else shown or "nothing"
