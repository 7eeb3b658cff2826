"""What Label Studio says when it refuses. Pure."""

from __future__ import annotations

import json
from collections.abc import Mapping


def detail(body: object) -> str:
    """What an error body says, without the stack trace that Label Studio adds."""
    if isinstance(body, str):
        text = body
        try:
            body = json.loads(text)
        except (ValueError, RecursionError):
            return "a page of HTML" if text.lstrip().startswith("<") else text[:300]
    if isinstance(body, Mapping):
        return str(body.get("validation_errors") or body.get("detail") or body)[:300]
    return str(body)[:300]
