"""What an annotator drew with a click tool, from the context of an interactive call. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from loop.errors import PayloadError
from loop.label_studio.annotations import objects
from loop.label_studio.label_config import LabelConfig
from loop.label_studio.shapes import NoBox, number, outline
from loop.regions import Box

Json = Mapping[str, Any]
Context = Mapping[str, Any]  # of an interactive call: what the annotator drew, in Label Studio's form
MOST_SHAPES = 500  # of a call that are read; each is compared with all candidates


@dataclass(frozen=True, slots=True)
class Prompt:
    """
    A shape, or a point where the box has no extent, drawn to ask for an object.

    *label* is the label of ours that the annotator had chosen; empty without one. A prompt that is not *positive* is a
    point where the object is not.
    """

    box: Box
    label: str = ""
    is_positive: bool = True

    @property
    def is_point(self) -> bool:
        """Whether it is a point."""
        return self.box.x0 == self.box.x1 and self.box.y0 == self.box.y1


@dataclass(frozen=True, slots=True)
class Drawing:
    """What an annotator asks for by the *prompts*, and the boxes that are *standing* on the canvas."""

    prompts: tuple[Prompt, ...] = ()
    standing: tuple[Box, ...] = ()


def find_context(request: Json) -> Context | None:
    """Return the context of an interactive call; None for a request of predictions."""
    params = request.get("params")
    context = params.get("context") if isinstance(params, Mapping) else None
    return context if isinstance(context, Mapping) and context else None


def read_drawing(context: Context, config: LabelConfig) -> Drawing:
    """
    Read the last MOST_SHAPES of a call, on the first page of our image; a shape that cannot be read is left out.

    The editor sends all regions of the type and the label of what was drawn, in the order in which they were made. All
    points that a person made are prompts, which may mean one object together. Of shapes only the last is a prompt, and
    none is where the last came from a prediction: the drawn shape was deleted.
    """
    points, shapes = list[Prompt](), list[tuple[Json, Prompt]]()
    for item in objects(context.get("result"))[-MOST_SHAPES:]:
        is_here = item.get("to_name") in (None, "", config.to_name) and not number(item.get("item_index"))
        box = _read_place(item) if is_here else None
        if box:
            prompt = Prompt(box, _read_label(item, config), is_positive=item.get("is_positive") is not False)
            if not prompt.is_point:
                shapes.append((item, prompt))
            elif not _is_predicted(item):
                points.append(prompt)
    drawn = [prompt for item, prompt in shapes[-1:] if not points and not _is_predicted(item)]
    standing = shapes[: len(shapes) - len(drawn)]
    return Drawing((*points, *drawn), tuple(prompt.box for _, prompt in standing))


def _is_predicted(item: Json) -> bool:
    """Whether a region was suggested; one that a click tool suggested says that it is made by hand, but has a score."""
    return str(item.get("origin")).startswith("prediction") or number(item.get("score")) is not None


def _read_place(item: Json) -> Box | None:
    value = item.get("value")
    if not isinstance(value, Mapping):
        return None
    if str(item.get("type")).startswith("keypoint"):
        x, y = number(value.get("x")), number(value.get("y"))
        return None if x is None or y is None else Box(x / 100, y / 100, x / 100, y / 100)
    with suppress(PayloadError, NoBox):
        return outline(item, "context").box
    return None


def _read_label(item: Json, config: LabelConfig) -> str:
    """Return the first label of ours among the chosen ones."""
    control = str(item.get("from_name"))
    lists = (named for key, named in item["value"].items() if str(key).endswith("labels") and isinstance(named, list))
    texts = (text for named in lists for text in named if isinstance(text, str))
    return next(filter(None, (config.label_of(control, text) for text in texts)), "")
