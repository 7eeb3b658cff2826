"""Which classes of a detector have a label in the label config, and which labels have a class. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from loop.label_studio.label_config import LabelConfig

MOST_NAMED = 10
ADVICE = (
    "review tasks until the first training, which learns the labels, or say in the label config which class a label "
    'is, as in <Label value="Vehicle" predicted_values="car,truck"/>, and run `loop connect` again'
)


@dataclass(frozen=True, slots=True)
class ClassFit:
    """*Label_of* maps classes to labels; *labels* lack a class, so nothing suggests them; *classes* lack a label."""

    label_of: Mapping[str, str]
    labels: tuple[str, ...]
    classes: tuple[str, ...]

    @property
    def is_empty(self) -> bool:
        """Whether no class fits any label."""
        return not self.label_of


def class_fit(config: LabelConfig, class_names: Sequence[str]) -> ClassFit:
    """Compare classes with labels. A label that stands twice in the config is one."""
    label_of = config.label_map(class_names)
    suggested = set(label_of.values())
    labels = tuple(name for name in dict.fromkeys(config.label_names) if name not in suggested)
    return ClassFit(label_of, labels, tuple(name for name in class_names if name not in label_of))


def some(names: Sequence[str]) -> str:
    """The first names, and how many more there are."""
    shown = ", ".join(names[:MOST_NAMED])
    return f"{shown} and {len(names) - MOST_NAMED} more" if len(names) > MOST_NAMED else shown or "nothing"
