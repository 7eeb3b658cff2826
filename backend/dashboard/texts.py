"""How texts stand in pages: without characters that turn them around, and with commands as code."""

from __future__ import annotations

import re

from flask import Flask
from markupsafe import Markup, escape

from loop.printable import printable

COMMAND = re.compile(r"`([^`\n]+)`")


def set_up(app: Flask) -> None:
    """Have every template of the app show texts so."""
    app.jinja_env.finalize = show_text
    app.jinja_env.filters["commands"] = mark_commands


def show_text(value: object) -> object:
    """Return a value for a page; control characters of a text are replaced, as on a terminal."""
    return printable(value) if type(value) is str else value


def mark_commands(text: object) -> Markup:
    """Return a text for a page in which `loop status` between backticks stands as code; all else is escaped."""
    pieces = COMMAND.split(printable(str(text)))
    return Markup("").join(
        Markup("<code>{}</code>").format(piece) if number % 2 else escape(piece) for number, piece in enumerate(pieces)
    )
