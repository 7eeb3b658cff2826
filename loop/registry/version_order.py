"""The order of version names: yolo_detector@1.2.0 before yolo_detector@1.10.0. Pure."""

from __future__ import annotations

import re

_NUMBERS = re.compile(r"\d+")


def version_key(name: str) -> tuple[str, list[int], str]:
    """Return the sort key of a version name: the part before the @, then the numbers after it, as numbers."""
    model, _, number = name.rpartition("@")
    return model, [int(digits) for digits in _NUMBERS.findall(number)], number
