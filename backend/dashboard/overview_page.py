"""The overview of a project: its champion, its work now and next, and the way into Label Studio."""

from __future__ import annotations

from backend.dashboard.blueprint import Answer, in_turn, project_page, rooms, show, show_part
from loop.errors import Overloaded
from loop.installation.watching.overview import OpenTasks, count_open_tasks, read_now, read_overview
from loop.label_studio.projects import Project


@project_page("", entry="Overview")
def overview(project: Project) -> Answer:
    """Show the overview."""
    return show("overview.html", project=project, overview=read_overview(rooms().installation, project))


@project_page("now")
def overview_now(project: Project) -> Answer:
    """Show what the project does now alone, to be refreshed."""
    return show_part("overview_now.html", now=read_now(rooms().installation, project))


@project_page("open-tasks")
def overview_open_tasks(project: Project) -> Answer:
    """Show the numbers of open tasks, which Label Studio is asked for."""
    try:
        with in_turn():
            open_tasks = count_open_tasks(rooms().installation, project)
    except Overloaded as error:
        open_tasks = OpenTasks(trouble=str(error))
    return show_part("open_tasks.html", open_tasks=open_tasks)
