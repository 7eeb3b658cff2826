"""The label of each class of a dataset from elsewhere. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from loop.errors import PayloadError
from loop.label_studio.classes import join_names, name_today
from loop.label_studio.label_config import LabelConfig
from loop.label_studio.label_config_xml import fold


@dataclass(frozen=True, slots=True)
class ClassNaming:
    """
    How the classes of a dataset get their labels.

    *names* maps class names to labels; an empty label leaves the boxes of the class out. A class that is neither named
    there nor known to the label config becomes a new label (*adds*), is left out (*skips*), or is an error.
    """

    names: Mapping[str, str]
    adds: bool = False
    skips: bool = False


@dataclass(frozen=True, slots=True)
class NamedClasses:
    """
    The label of each class, empty for one that is left out.

    *added* are labels that the label config lacks; *retired* are those of retired classes.
    """

    label_of: Mapping[str, str]
    added: tuple[str, ...]
    retired: tuple[str, ...] = ()


def read_names(texts: Iterable[str]) -> dict[str, str]:
    """Read `class=label` texts, split at the last `=`. Raises PayloadError."""
    names: dict[str, str] = {}
    for text in texts:
        name, separator, label = text.rpartition("=")
        if not separator or not name.strip():
            raise PayloadError("--map", "CLASS=LABEL, or CLASS= to leave a class out", text)
        names[name.strip()] = label.strip()
    return names


def name_classes(used: Sequence[str], config: LabelConfig, naming: ClassNaming) -> NamedClasses:
    """Return the labels of the *used* classes. Raises PayloadError that names the classes without a label."""
    if unused := sorted(set(naming.names) - {*used, *map(str.strip, used)}):
        raise PayloadError("--map", f"classes of the dataset: {join_names(used)}", join_names(unused))
    known = {name: label for name, label in config.label_map(used).items() if not _is_twin(name, label, used, config)}
    today = name_today(config, naming.names.values())
    label_of: dict[str, str] = {}
    added: list[str] = []
    unknown: list[str] = []
    for name in used:
        stated = naming.names.get(name, naming.names.get(name.strip()))
        current = config.synonyms.get(name, (name,))[0]
        label = known.get(name, current) if stated is None else today[stated]
        if label == "" or label in config.label_names:
            label_of[name] = label
        elif naming.adds:
            label_of[name] = label
            added.append(label)
        elif naming.skips and stated is None:
            label_of[name] = ""
        else:
            unknown.append(label)
    if unknown:
        expected = (
            f"labels of the project, {join_names(config.label_names)}: give the label of a class by --map CLASS=LABEL, "
            "add the labels by --add-labels, or leave the boxes of other classes out by --skip-classes"
        )
        raise PayloadError("classes of the dataset", expected, join_names(unknown))
    return NamedClasses(label_of, tuple(dict.fromkeys(added)))


def _is_twin(name: str, label: str, used: Sequence[str], config: LabelConfig) -> bool:
    """Whether a class has the name of a label in another case only, and another class of the dataset has it exactly."""
    is_stated = any(name in known.predicted_values for known in config.labels)
    return name != label and label in used and fold(name) == fold(label) and not is_stated
