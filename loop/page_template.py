"""Fills in the templates of HTML pages."""

from __future__ import annotations

from pathlib import Path


def fill(template: Path, **values: object) -> str:
    """Return a page of a Jinja2 template. All values are escaped; a name without a value is an error."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader(template.parent),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template(template.name).render(values)
