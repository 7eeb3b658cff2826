"""What an import is going to do, and what became of each image."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from loop.imports.class_names import NamedClasses
from loop.imports.foreign import BoxNote, is_held_out
from loop.label_studio.imports.tasks import LabelKind


class ImageNote(StrEnum):
    """What became of an image of a dataset."""

    IMPORTED = "imported"
    OPEN = "imported without labels, as an open task"
    KNOWN = "imported before"
    TWICE = "left out: the same image as another file"
    CHANGED = "left out: imported before with other labels"
    NO_FILE = "left out: no image file"
    BROKEN = "left out: the image cannot be read"
    UNREAD = "left out: its labels cannot be read whole"
    NO_TASK = "left out: no task shows it, by its name"
    NO_LABELS = "left out: it has no labels, and a task already"
    REVIEWED = "left out: its task has a review already"


@dataclass(frozen=True, slots=True)
class ImportedImage:
    """What became of one image, with the reason; *boxes* are those that were written, *notes* what else became."""

    name: str
    note: ImageNote
    why: str = ""
    boxes: int = 0
    notes: Counter[BoxNote] = field(default_factory=Counter)

    @property
    def is_left_out(self) -> bool:
        """Whether it is in the project neither now nor from before, as its dataset has it."""
        return self.note not in (ImageNote.IMPORTED, ImageNote.OPEN, ImageNote.KNOWN)


@dataclass(frozen=True, slots=True)
class ImportPlan:
    """
    What an import is going to do: what becomes of the labels, and the label of each class.

    *keep_sides* is told, by task, whether the dataset holds an image out from training; None: its split does not count.
    """

    kind: LabelKind
    classes: NamedClasses
    keep_sides: Callable[[Mapping[int, bool]], None] | None = None

    def keep(self, names: Mapping[int, str]) -> None:
        """Keep the sides of tasks, by the names of their images."""
        sides = {task_id: is_held_out(name) for task_id, name in names.items()}
        if self.keep_sides is not None:
            self.keep_sides({task_id: side for task_id, side in sides.items() if side is not None})
