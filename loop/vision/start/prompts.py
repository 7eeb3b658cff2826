"""The texts that a prompted detector is asked for: those of each label of a project. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from loop.errors import PayloadError
from loop.label_studio.label_config import Label
from loop.printable import shorten

MOST_TEXTS = 50  # of a label
LONGEST_TEXT = 1000  # characters; an encoder reads some 70 words of it


@dataclass(frozen=True, slots=True)
class LabelPrompt:
    """A class of a detector: its *name*, which is a label, and the *texts* that mean it."""

    name: str
    texts: tuple[str, ...]


def list_prompts(labels: Sequence[Label], mapping: Mapping[str, Sequence[str]]) -> tuple[LabelPrompt, ...]:
    """
    Return the class of each label, in their order.

    Its texts are those of the *mapping*; else its `predicted_values`; else its own name, with blanks for underscores.
    """
    return tuple(
        LabelPrompt(
            label.value, tuple(mapping.get(label.value) or label.predicted_values or (_read_name(label.value),))
        )
        for label in labels
    )


def read_mapping(content: object, where: str) -> dict[str, tuple[str, ...]]:
    """Read the texts of labels from *content*, a text or a list of texts for each label. Raises PayloadError."""
    if content is None:
        return {}
    if not isinstance(content, Mapping):
        raise PayloadError(where, "a line `label: text` for each label", content)
    return {
        _read_label(label, where): _read_texts(texts, f"{where} {shorten(label)}") for label, texts in content.items()
    }


def as_json(prompts: Sequence[LabelPrompt]) -> dict[str, list[str]]:
    """Return prompts as they are recorded with a version."""
    return {prompt.name: list(prompt.texts) for prompt in prompts}


def _read_name(label: str) -> str:
    return " ".join(label.replace("_", " ").split()) or label


def _read_label(label: object, where: str) -> str:
    if not isinstance(label, str) or not label:
        raise PayloadError(
            where, 'labels as texts; write a number or a word such as yes in quotes, as in "1": one', label
        )
    return label


def _read_texts(texts: object, where: str) -> tuple[str, ...]:
    listed = texts if isinstance(texts, list) else [texts]
    if not 0 < len(listed) <= MOST_TEXTS:
        raise PayloadError(where, f"1 to {MOST_TEXTS} texts", f"{len(listed)}")
    return tuple(_read_text(text, where) for text in listed)


def _read_text(text: object, where: str) -> str:
    if not isinstance(text, str) or not text.strip() or len(text) > LONGEST_TEXT:
        raise PayloadError(where, f"a text of 1 to {LONGEST_TEXT} characters", text)
    return text.strip()
