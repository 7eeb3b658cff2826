"""The tags of a label config's XML, as Label Studio's editor reads them: without regard to case. Pure."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from xml.etree.ElementTree import Element, ParseError

from defusedxml import DefusedXmlException
from defusedxml.ElementTree import fromstring

from loop.errors import LabelConfigError

LONGEST_CONFIG = 1_000_000  # characters
MOST_LEVELS = 100  # of tags within each other; a person's config has ten


def root_of(xml: object) -> Element:
    """Read XML without entities. Raises LabelConfigError."""
    if not isinstance(xml, str) or not xml.strip():
        raise LabelConfigError("label_config", "the XML of a label config", xml)
    if len(xml) > LONGEST_CONFIG:
        raise LabelConfigError("label_config", f"at most {LONGEST_CONFIG} characters", f"{len(xml)} characters")
    try:
        root: Element = fromstring(xml, forbid_dtd=True)
    except (ParseError, DefusedXmlException, ValueError) as error:
        raise LabelConfigError("label_config", "well-formed XML", str(error)) from error
    level = [root]
    for _ in range(MOST_LEVELS):
        level = [child for tag in level for child in tag]
    if level:
        raise LabelConfigError("label_config", f"at most {MOST_LEVELS} tags within each other", "more")
    return root


def tags(root: Element, name: str) -> Iterator[Element]:
    """Return the tags with the lower-case *name* below a tag, the tag itself included."""
    return (tag for tag in root.iter() if tag.tag.casefold() == name)


def raw(tag: Element, name: str) -> str:
    """Return an attribute by its lower-case *name*, with its white space; empty if it is missing."""
    return next((value for key, value in tag.items() if key.casefold() == name), "")


def get(tag: Element, name: str) -> str:
    """Return an attribute by its lower-case *name*, without white space around it; empty if it is missing."""
    return raw(tag, name).strip()


def targets(tag: Element) -> list[str]:
    """Return the names of the tags that a control is on, in the order of its `toName`."""
    return [name.strip() for name in get(tag, "toname").split(",")]


def labels_by_control(root: Element, image: str) -> dict[str, dict[str, str]]:
    """
    Return the labels of each control on an image by their aliases and values.

    A shape without labels of its own takes the labels of the `Labels` on the image. A control with labels from the
    task data is left out.
    """
    on_image = [tag for tag in root.iter() if get(tag, "name") and image in targets(tag)]
    shared = {text: value for tag in on_image if tag.tag.casefold() == "labels" for text, value in _texts(tag).items()}
    labels: dict[str, dict[str, str]] = {}
    for tag in on_image:
        name, has_labels = get(tag, "name"), tag.tag.casefold().endswith("labels")
        if not (has_labels and is_dynamic(tag)):
            labels[name] = (_texts(tag) if has_labels else shared) | labels.get(name, {})
    return labels


def is_dynamic(tag: Element) -> bool:
    """Tell whether the labels of a control, or a label, come from a field of the task data; “$100” does not."""
    return re.fullmatch(r"\$[^\W\d][\w[\].{}]*", get(tag, "value")) is not None


def fold(text: str) -> str:
    """Return a name in the form in which names are compared: without case, accented letters composed."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", text).casefold())


def _texts(control: Element) -> dict[str, str]:
    """Return the labels of a control by alias and by value; of two with the same name the first, as in the editor."""
    labels: dict[str, str] = {}
    for tag in tags(control, "label"):
        value = raw(tag, "value")
        for text in (raw(tag, "alias"), value):
            if text and value:
                labels.setdefault(text, value)
    return labels
