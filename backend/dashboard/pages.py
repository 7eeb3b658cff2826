"""Imports every module of pages, which registers its pages with the blueprint."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path

from backend.dashboard.blueprint import dashboard


def load() -> None:
    """Import the modules `*_page.py` of this folder."""
    for path in sorted(Path(__file__).parent.glob("*_page.py")):
        import_module(f"backend.dashboard.{path.stem}")


__all__ = ["dashboard", "load"]
