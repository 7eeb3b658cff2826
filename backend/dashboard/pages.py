"""Imports every module of pages, which registers its pages with the blueprint."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path

from flask import Flask

from backend.dashboard import texts
from backend.dashboard.blueprint import dashboard


def set_up(app: Flask) -> None:
    """Import the modules `*_page.py` of this folder, and register the blueprint with an app."""
    for path in sorted(Path(__file__).parent.glob("*_page.py")):
        import_module(f"backend.dashboard.{path.stem}")
    texts.set_up(app)
    app.register_blueprint(dashboard)
