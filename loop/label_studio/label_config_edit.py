"""Adds a label to a label config, or takes it out again; every other byte stays. Pure."""

from __future__ import annotations

from xml.parsers import expat
from xml.sax.saxutils import quoteattr

from loop.errors import LabelConfigError
from loop.label_studio.label_config import BOXES, parse, parse_empty


def with_label(xml: str, value: str) -> str:
    """
    Add `<Label value=…/>` after the last label of the first control that `parse` reads.

    If the config has a label of exactly that value, the same text comes back. Raises LabelConfigError as `parse` does,
    and for an empty value, but not for a control without labels: it gets its first label.
    """
    if not value.strip():
        raise LabelConfigError("label", "a name", value)
    config = parse_empty(xml)
    if value in config.label_names:
        return xml
    if any(value in config.offered[control] for control in config.own):
        raise LabelConfigError("label", "a name that is no alias of another label", value)
    content = xml.encode()
    place = _Place(config.from_name, config.to_name)
    place.find(content)
    label = f"<Label value={quoteattr(value)}/>"
    if place.last_label:
        start, end = place.last_label
        added = _indent(content, start) + label
    elif place.closing is not None:
        end, added = place.closing, label
    else:  # <RectangleLabels …/>
        end = content.rindex(b"/>", 0, place.after)
        return (content[:end] + f">{label}</{place.tag}>".encode() + content[place.after :]).decode()
    changed = (content[:end] + added.encode() + content[end:]).decode()
    if sorted(parse(changed).label_names) != sorted((*config.label_names, value)):
        raise LabelConfigError("label_config", f"a place to add the label {value}", xml)
    return changed


def without_label(xml: str, value: str) -> str:
    """
    Take out what `with_label` added: the label of the first control, with the line break and the white space before it.

    If the config has no label of exactly that value, the same text comes back. Raises LabelConfigError as `parse` does,
    for the only label, and for one that another control has too.
    """
    config = parse(xml)
    if value not in config.label_names:
        return xml
    content = xml.encode()
    place = _Place(config.from_name, config.to_name, value)
    place.find(content)
    if place.named_label is None:
        raise LabelConfigError(f"RectangleLabels {config.from_name}", f"the label {value}", "it in another control")
    start, end = place.named_label
    start -= len(_indent(content, start).encode())
    changed = (content[:start] + content[end:]).decode()
    if sorted(parse(changed).label_names) != sorted(name for name in config.label_names if name != value):
        raise LabelConfigError("label_config", f"the label {value} once", "it more than once")
    return changed


class _Place:
    """The position of a control, of its last label, and of the label of one *value*, in a text, in bytes."""

    def __init__(self, control: str, image: str, value: str | None = None) -> None:
        self._control, self._image, self._value = control, image, value
        self._depth, self._inside, self._done = 0, 0, False
        self._open: str | None = None  # the kind of tag that has just ended: the next event tells where
        self._starts: list[tuple[int, str | None]] = []  # of open labels, with their values
        self.last_label: tuple[int, int] | None = None
        self.named_label: tuple[int, int] | None = None
        self.closing: int | None = None  # of the end tag; None if the control is one empty tag
        self.after = 0
        self.tag = ""  # name of the control's tag, as it is written

    def find(self, content: bytes) -> None:
        """Read the whole text."""
        self._parser = expat.ParserCreate("utf-8")
        self._content = content
        self._parser.StartElementHandler = self._start
        self._parser.EndElementHandler = self._end
        self._parser.DefaultHandler = lambda _: self._close()
        self._parser.Parse(content, True)
        self._close(len(content))

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        self._close()
        self._depth += 1
        lower = {key.casefold(): value.strip() for key, value in attributes.items()}
        if self._inside and name.casefold() == "label":
            value = next((text for key, text in attributes.items() if key.casefold() == "value"), None)
            self._starts.append((self._parser.CurrentByteIndex, value))
        images = [target.strip() for target in lower.get("toname", "").split(",")]
        is_ours = name.casefold() == BOXES and lower.get("name") == self._control and self._image in images
        if is_ours and not self._done and not self._inside:
            self._inside, self.tag = self._depth, name

    def _end(self, name: str) -> None:
        self._close()
        if self._inside == self._depth:
            at = self._parser.CurrentByteIndex
            self.closing = at if self._content.startswith(b"</", at) else None
            self._inside, self._done, self._open = 0, True, "control"
        elif self._inside and name.casefold() == "label":
            self._open = "label"
        self._depth -= 1

    def _close(self, at: int | None = None) -> None:
        """Record the end of the tag that has just ended, if any."""
        at = self._parser.CurrentByteIndex if at is None else at
        if self._open == "label":
            start, value = self._starts.pop()
            self.last_label = (start, at)
            if value is not None and value == self._value:
                self.named_label = (start, at)
        elif self._open == "control":
            self.after = at
        self._open = None


def _indent(content: bytes, start: int) -> str:
    """Return the line break and the white space before a tag; empty if other text stands before it on its line."""
    line = max(content.rfind(b"\n", 0, start), content.rfind(b"\r", 0, start))
    before = content[line + 1 : start]
    if line < 0 or before.strip():
        return ""
    first = line - 1 if line and content[line - 1 : line + 1] == b"\r\n" else line
    return content[first:start].decode()
