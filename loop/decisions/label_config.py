"""What a project's label config says about boxes on an image. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from xml.etree.ElementTree import Element, ParseError

from defusedxml import DefusedXmlException
from defusedxml.ElementTree import fromstring

from loop.errors import LabelConfigError


@dataclass(frozen=True, slots=True)
class Label:
    """One `<Label>`: its value, and the model's class names it stands for (`predicted_values`)."""

    value: str
    predicted_values: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class LabelConfig:
    """
    The first `RectangleLabels` on an `Image`; other controls are left alone.

    *synonyms* are not in it: all names that a class has had, by each of them, for classes that were renamed.
    """

    from_name: str
    to_name: str
    image_key: str
    labels: tuple[Label, ...]
    score_threshold: float | None = None
    synonyms: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def knowing(self, synonyms: Mapping[str, tuple[str, ...]]) -> LabelConfig:
        """The same config, for detectors that may say another name of a class than the config has."""
        return replace(self, synonyms=synonyms)

    @property
    def label_names(self) -> tuple[str, ...]:
        """The values of the labels, in the order of the config."""
        return tuple(label.value for label in self.labels)

    def label_map(self, class_names: Iterable[str]) -> dict[str, str]:
        """
        Map the model's class names to labels; names that the config lacks are absent.

        A label of exactly that name comes first, for a trained model's classes are labels; then `predicted_values`,
        then the label's own name, neither with regard to case; at last the class's other names.
        """
        exact = {label.value: label.value for label in self.labels}
        by_value = {label.value.casefold(): label.value for label in self.labels}
        by_predicted = {
            predicted.casefold(): label.value for label in self.labels for predicted in label.predicted_values
        }
        known = by_value | by_predicted
        found = {name: exact.get(name) or known.get(name.casefold()) for name in class_names}
        others = {name.casefold(): names for name, names in self.synonyms.items()}
        for name in (name for name, label in found.items() if not label):
            found[name] = next((other for other in others.get(name.casefold(), ()) if other in exact), None)
        return {name: label for name, label in found.items() if label}


def parse(xml: str) -> LabelConfig:
    """
    Read a label config.

    Raises LabelConfigError where it is not XML, or has no RectangleLabels on an Image with at least one Label.
    """
    root = root_of(xml)
    images = {str(tag.get("name")): str(tag.get("value", "")) for tag in root.iter("Image")}
    for control in root.iter("RectangleLabels"):
        image = str(control.get("toName", "")).split(",")[0].strip()
        if image in images:
            return LabelConfig(
                from_name=str(control.get("name")),
                to_name=image,
                image_key=images[image].lstrip("$"),
                labels=tuple(_label(tag) for tag in control.iter("Label") if tag.get("value")),
                score_threshold=_threshold(control.get("model_score_threshold")),
            )
    found = sorted({tag.tag for tag in root.iter() if tag.get("toName")})
    raise LabelConfigError("label_config", "RectangleLabels with toName of an Image", found or "no control tag")


def root_of(xml: object) -> Element:
    """Read XML without entities; LabelConfigError where it is none."""
    if not isinstance(xml, str) or not xml.strip():
        raise LabelConfigError("label_config", "the XML of a label config", xml)
    try:
        root: Element = fromstring(xml, forbid_dtd=True)
    except (ParseError, DefusedXmlException, ValueError) as error:
        raise LabelConfigError("label_config", "well-formed XML", str(error)) from error
    return root


def _label(tag: Element) -> Label:
    predicted = (value.strip() for value in tag.get("predicted_values", "").split(","))
    return Label(str(tag.get("value")), tuple(value for value in predicted if value))


def _threshold(text: str | None) -> float | None:
    if not text:
        return None
    try:
        threshold = float(text)
    except ValueError:
        threshold = -1.0
    if not 0.0 <= threshold <= 1.0:
        raise LabelConfigError("model_score_threshold", "a number from 0 to 1", text)
    return threshold
