"""A project's label config: its labels, and the controls that draw boxes on its image. Pure."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from xml.etree.ElementTree import Element

from loop.errors import LabelConfigError
from loop.label_studio.label_config_xml import fold, get, is_dynamic, labels_by_control, raw, root_of, tags, targets
from loop.storage.storable import LONGEST_NAME

BOXES = "rectanglelabels"
WANTED = (
    'RectangleLabels with toName of an Image: add <RectangleLabels name="label" toName="image">, with a <Label> for '
    'each class, beside <Image name="image" value="$image"/>'
)
FRAMES = (
    "an Image a task: make each frame of a video a task of its own, with the name of the video in a field, and set "
    "LOOP_GROUP_FIELD to that field (label_config/frames.xml)"
)


@dataclass(frozen=True, slots=True)
class Label:
    """
    One label: its value, and the class names of a model that mean it (`predicted_values`).

    *written* is its text in results: the alias, else the value. *control* is the `RectangleLabels` that offers it.
    """

    value: str
    predicted_values: tuple[str, ...] = ()
    written: str = ""
    control: str = ""


@dataclass(frozen=True)
class LabelConfig:
    """
    All `RectangleLabels` on one image: *own* are their names, *from_name* is the first name.

    *offered* has the labels of each control on that image, ours and others, by their aliases and values; a control
    with labels from the task data has no entry. *others* are the names of all other tags. Two fields are not part of
    the config: *classes* are further labels of the project; *synonyms* maps each name of a renamed class to all its
    names. An *inferred* config comes from predictions and accepts any label of its own controls. A config with a
    *fault* is refused, and reads nothing. An object may have several labels of the controls in *several*.
    """

    from_name: str
    to_name: str
    image_key: str
    labels: tuple[Label, ...]
    score_threshold: float | None = None
    synonyms: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    own: tuple[str, ...] = ()
    offered: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    others: frozenset[str] = frozenset()
    classes: frozenset[str] = frozenset()
    is_inferred: bool = False
    fault: str = ""
    several: frozenset[str] = frozenset()

    def with_synonyms(self, synonyms: Mapping[str, tuple[str, ...]]) -> LabelConfig:
        """Return the same config, for detectors with other names of a class than the config has."""
        return replace(self, synonyms=synonyms)

    def with_classes(self, classes: Iterable[str]) -> LabelConfig:
        """Return the same config, for reviews with labels that the project has and the config lost."""
        return replace(self, classes=frozenset(classes))

    @property
    def reading_rules(self) -> tuple[object, ...]:
        """The parts of the config that decide how a review is read."""
        return self.to_name, self.image_key, self.own, self.offered, self.others, self.label_names, self.several

    @cached_property
    def label_names(self) -> tuple[str, ...]:
        """The distinct values of the labels, in the order of the config."""
        return tuple(label.value for label in self.labels)

    def write_label(self, value: str) -> tuple[str, str]:
        """Return the control of a label, and its text in results."""
        label = next((label for label in self.labels if label.value == value), None)
        return (label.control, label.written) if label else (self.from_name, value)

    def kind_of(self, label: str) -> str:
        """
        Return the kind of a label: an object has one label of a kind.

        The labels of a control are a kind, or each of them is where an object may have several.
        """
        control, _ = self.write_label(label)
        return label if control in self.several else control

    def label_of(self, control: str, text: str) -> str | None:
        """Return the label that a result of *control* means by *text*; None if it is none of ours."""
        if self.is_inferred:
            return text if control in self.own else None
        value = self.offered.get(control, {}).get(text, text)
        for name in (value, self._ours.get(value)):
            if name in self._values or name in self.classes:
                return name
        return self._twins.get(fold(value))

    def can_label(self, control: str) -> bool:
        """Tell whether a shape of *control* could have one of our labels; a control that the config lacks could."""
        if control in self.own or control not in self.offered:
            return True
        return any(self.label_of(control, text) for text in self.offered[control])

    def label_map(self, class_names: Iterable[str]) -> dict[str, str]:
        """
        Map the model's class names to labels; a class without a label has no entry.

        The label with exactly that name comes first: the classes of a trained model are labels. Then come the other
        names of exactly that class and `predicted_values`; then, ignoring case, `predicted_values`, the label's own
        name unless another label differs from it only in case, its alias, and the other names of a class.
        """
        exact = {label.value: label.value for label in self.labels}
        stated = {predicted: label.value for label in self.labels for predicted in label.predicted_values}
        by_alias = {fold(label.written): label.value for label in self.labels if label.written != label.value}
        by_predicted = {fold(predicted): label for predicted, label in stated.items()}
        known = by_alias | self._twins | by_predicted
        renamed = {
            name: label for name, names in self.synonyms.items() if (label := next(filter(exact.get, names), None))
        }
        folded = {fold(name): label for name, label in renamed.items()} | known
        first = stated | renamed | exact
        labels = {name: first.get(name) or folded.get(fold(name)) for name in class_names}
        return {name: label for name, label in labels.items() if label}

    @cached_property
    def _ours(self) -> dict[str, str]:
        """The labels of our controls by their aliases and values; of two labels with the same name, the first."""
        pairs = [pair for own in reversed(self.own) for pair in self.offered[own].items()]
        return dict(pairs)

    @cached_property
    def _values(self) -> frozenset[str]:
        return frozenset(self.label_names)

    @cached_property
    def _twins(self) -> dict[str, str]:
        """The labels by their folded form, without labels that differ only in case."""
        times = Counter(map(fold, self.label_names))
        return {fold(label): label for label in self.label_names if times[fold(label)] == 1}


def parse(xml: str) -> LabelConfig:
    """
    Read a label config.

    Raises LabelConfigError if it is not XML, has no RectangleLabels on an Image with at least one Label, or takes its
    labels or images from the task data in a form that is not supported.
    """
    config = parse_empty(xml)
    if not config.labels:
        raise LabelConfigError(f"RectangleLabels {config.from_name}", "at least one <Label> with a value", "none")
    return config


def parse_empty(xml: str) -> LabelConfig:
    """Read a label config as `parse` does, but allow one without labels."""
    root = root_of(xml)
    images = {get(tag, "name"): tag for tag in tags(root, "image") if get(tag, "name")}
    controls = [(tag, image) for tag in tags(root, BOXES) if (image := _image_of(tag, images))]
    if not controls:
        if next(tags(root, "video"), None) is not None:
            raise LabelConfigError("label_config", FRAMES, "a Video")
        others = sorted({tag.tag for tag in root.iter() if get(tag, "toname")})
        raise LabelConfigError("label_config", WANTED, others or "no control tag")
    image = controls[0][1]
    ours = [tag for tag, name in controls if name == image]
    _check_repeaters(root, [*ours, images[image]])
    labels = _labels(ours)
    return LabelConfig(
        from_name=get(ours[0], "name"),
        to_name=image,
        image_key=_image_key(image, images[image]),
        labels=labels,
        score_threshold=next((number for tag in ours if (number := _threshold(tag)) is not None), None),
        own=tuple(dict.fromkeys(get(tag, "name") for tag in ours)),
        offered=labels_by_control(root, image),
        others=frozenset(get(tag, "name") for tag in root.iter()) - {image, ""},
        several=frozenset(get(tag, "name") for tag in ours if get(tag, "choice").casefold() == "multiple"),
    )


def _image_of(tag: Element, images: Mapping[str, Element]) -> str | None:
    """Return the first image that a control is on."""
    return next((name for name in targets(tag) if name in images), None)


def _image_key(name: str, tag: Element) -> str:
    """Return the field of the task data that holds the address of an image."""
    if pages := get(tag, "valuelist"):
        raise LabelConfigError(f"Image {name} valueList", 'one image a task, value="$image": pages are not read', pages)
    value = get(tag, "value")
    if not re.fullmatch(r"\$\w+", value):
        raise LabelConfigError(f"Image {name} value", "a field of the task data, such as $image", value or "none")
    return value.removeprefix("$")


def _check_repeaters(root: Element, ours: Iterable[Element]) -> None:
    repeated = {id(tag) for repeater in tags(root, "repeater") for tag in repeater.iter()}
    for tag in ours:
        if id(tag) in repeated:
            raise LabelConfigError("Repeater", "the image and its boxes outside of it: pages are not read", tag.tag)


def _labels(controls: Iterable[Element]) -> tuple[Label, ...]:
    """Return the distinct labels of our controls. Raises LabelConfigError for labels that come from the task data."""
    labels: dict[str, Label] = {}
    for control in controls:
        name = get(control, "name")
        if not name:
            raise LabelConfigError("RectangleLabels name", "a name, which its results carry", "none")
        for tag in (control, *tags(control, "label")):
            if is_dynamic(tag):
                expected = "a <Label> for each class: labels that come from the task data are not read"
                raise LabelConfigError(f"RectangleLabels {name} value", expected, get(tag, "value"))
        for tag in tags(control, "label"):
            value = raw(tag, "value")
            if not value:
                continue
            if longest := max((text for text in (value, raw(tag, "alias")) if len(text) > LONGEST_NAME), default=""):
                raise LabelConfigError(f"RectangleLabels {name} Label", f"at most {LONGEST_NAME} characters", longest)
            predicted = [text.strip() for text in get(tag, "predicted_values").split(",") if text.strip()]
            known = labels.get(value) or Label(value, (), raw(tag, "alias") or value, name)
            labels[value] = replace(known, predicted_values=(*known.predicted_values, *predicted))
    return tuple(labels.values())


def _threshold(tag: Element) -> float | None:
    text = get(tag, "model_score_threshold")
    if not text:
        return None
    try:
        threshold = float(text)
    except ValueError:
        threshold = -1.0
    if not 0.0 <= threshold <= 1.0:
        raise LabelConfigError("model_score_threshold", "a number from 0 to 1", text)
    return threshold
