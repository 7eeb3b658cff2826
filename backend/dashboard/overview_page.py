"""The overview of a project: its champion, and what happens now and next."""

from __future__ import annotations

from backend.dashboard.blueprint import Answer, project_page, rooms, show
from loop.installation.status import read_project
from loop.label_studio.projects import Project


@project_page("", entry="Overview")
def overview(project: Project) -> Answer:
    """Show the overview."""
    return show("overview.html", project=project, status=read_project(rooms().installation, project))
