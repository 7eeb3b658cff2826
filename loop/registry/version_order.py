"""The order of version names, yolo_detector@1.2.0 before yolo_detector@1.10.0, and the next one. Pure."""

from __future__ import annotations

import re

_NUMBERS = re.compile(r"\d+")


def version_key(name: str) -> tuple[str, list[int], str]:
    """Return the sort key of a version name: the part before the @, then the numbers after it, as numbers."""
    model, _, number = name.rpartition("@")
    return model, [int(digits) for digits in _NUMBERS.findall(number)], number


def next_number(names: list[str]) -> str:
    """Return the number for a new version: 1.0.0 for the first training, then the next minor version."""
    matches = [re.search(r"@(\d+)\.(\d+)\.\d+$", name) for name in names]
    major, minor = max(((int(match[1]), int(match[2])) for match in matches if match), default=(0, 0))
    return f"{major}.{minor + 1}.0" if major else "1.0.0"
