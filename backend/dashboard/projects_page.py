"""The list of the connected projects."""

from __future__ import annotations

from backend import access
from backend.dashboard.blueprint import Answer, page, rooms, show
from loop.installation.status import read_project


@page("", entry="Projects")
def projects() -> Answer:
    """Show every project that the sender may name."""
    installation, caller = rooms().installation, access.caller()
    connected = [each for each in installation.studio.projects.all() if caller.may_name(each.id)]
    return show("projects.html", projects=[read_project(installation, each) for each in connected])
