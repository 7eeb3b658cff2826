"""Reads YAML that anybody may have written. Pure."""

from __future__ import annotations

import yaml


def load(text: str, loader: type[yaml.SafeLoader] = yaml.SafeLoader) -> object:
    """Return the content of *text* by a safe loader. Raises ValueError with the reason, in one line."""
    try:
        return yaml.load(text, loader)  # noqa: S506 (it is a safe loader)
    except RecursionError as error:
        raise ValueError("something nested too deeply") from error
    except (AttributeError, LookupError, TypeError) as error:  # PyYAML's, for `!!bool x`, `!!int ''` and others
        raise ValueError("a tag before a value of another kind") from error
    except (yaml.YAMLError, ValueError) as error:  # a ValueError is an invalid date
        raise ValueError(" ".join(str(error).split())) from error
