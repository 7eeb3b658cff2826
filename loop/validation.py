"""Reads foreign JSON by pydantic's models, and says in our words which field is wrong. Pure."""

from __future__ import annotations

from typing import TypeVar

from pydantic import BaseModel, ValidationError

from loop.errors import PayloadError
from loop.printable import shorten

Model = TypeVar("Model", bound=BaseModel)


def read(model: type[Model], json: object) -> Model:
    """Return *json* as a model. Raises PayloadError, which names the first field that is wrong."""
    try:
        return model.model_validate(json)
    except ValidationError as error:
        raise as_payload_error(error) from error


def as_payload_error(error: ValidationError, where: str = "", *, skip: tuple[str, ...] = ()) -> PayloadError:
    """Return the first fault, below the field *where*; *skip* leaves out the steps that name a member of a union."""
    first = error.errors(include_url=False)[0]
    steps = [step for at, step in enumerate(first["loc"]) if at or step not in skip]
    field = where
    for step in steps:
        field += f"[{step}]" if isinstance(step, int) else f".{shorten(step)}" if field else shorten(step)
    value = first["input"]
    if isinstance(value, str) and first["type"].endswith("_type"):
        value = repr(value)  # the quotes tell '1' from 1
    match first["type"]:
        case "missing":
            return PayloadError(field, "a value", None)
        case "extra_forbidden":
            return PayloadError(field, "no such field", value)
        case "too_long":
            return PayloadError(field, f"at most {first['ctx']['max_length']} of them", first["ctx"]["actual_length"])
    expected = first["msg"].removeprefix("Input should be ").removeprefix("Value error, ")
    return PayloadError(field, expected[:1].lower() + expected[1:], value)
