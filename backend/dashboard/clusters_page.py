"""The clusters of a project: their sheets, their map, and the decisions of people about them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from flask import Response, flash, request, url_for
from werkzeug.exceptions import NotFound

from backend.dashboard.at_work import find_working
from backend.dashboard.blueprint import Answer, go_back, in_turn, project_page, rooms, show
from backend.dashboard.forms import form, reason, text
from loop.discovery.decide import dismiss, promote
from loop.discovery.pages.clusters import read_cluster, read_clusters
from loop.discovery.undo import undo
from loop.errors import LoopError
from loop.label_studio.projects import Project

AT_ONCE = 60  # boxes on the page of a cluster
LONGEST_CATEGORY = 200  # characters of a name
REFERENCES = (
    "Its boxes become references within minutes. Then new predictions can match it, and open tasks that nobody has "
    "begun show the label. Stored matches stay until everything is matched again: see the page Taxonomy."
)
UNDONE = "Open tasks lose the label within minutes. Stored matches stay until everything is matched again."


@project_page("clusters/", entry="Clusters")
def clusters(project: Project) -> Answer:
    """Show all clusters."""
    page, working = read_clusters(rooms().discovery, project.id), find_working({f"discover-{project.id}": "discovery"})
    return show("clusters.html", project=project, page=page, working=working)


@project_page("clusters/<cluster_id>/")
def cluster(project: Project, cluster_id: str) -> Answer:
    """Show one cluster with the crops of its members."""
    first = min(10**6, max(0, request.args.get("first", 0, int)))
    page = read_cluster(rooms().discovery, project.id, cluster_id, first, AT_ONCE)
    return show("cluster.html", project=project, page=page, at_once=AT_ONCE, studio=rooms().studio.client.url)


@project_page("clusters/<cluster_id>/sheet.jpg")
def cluster_sheet(project: Project, cluster_id: str) -> Answer:
    """Send the contact sheet of a cluster. Raises NoSuchCluster."""
    discovery = rooms().discovery
    name = discovery.clusters.find(project.id, cluster_id).cluster.id
    return _send(discovery.pictures.sheet_path(project.id, name), "image/jpeg")


@project_page("clusters/map/")
def cluster_map(project: Project) -> Answer:
    """Show the map of the unknown."""
    page = read_clusters(rooms().discovery, project.id)
    clusters = {
        card.id: {
            "title": card.name or card.suggested,
            "decision": card.decision,
            "address": url_for("dashboard.cluster", project_id=project.id, cluster_id=card.id),
        }
        for card in (*page.open, *page.decided)
    }
    studio = rooms().studio.client.url
    return show("cluster_map.html", project=project, page=page, clusters=clusters, studio=studio)


@project_page("clusters/map.json")
def cluster_points(project: Project) -> Answer:
    """Send the points of the map."""
    return _send(rooms().discovery.pictures.map_path(project.id), "application/json")


@project_page("clusters/discover", methods=["POST"])
def discover_clusters(project: Project) -> Answer:
    """Ask for a discovery."""
    is_new = rooms().queue.ask_discover(project.id)
    state = "asked for a discovery" if is_new else "a discovery waits or runs already"
    message = f"{state}: job discover-{project.id}; load this page again when it has ended"
    return go_back("clusters", message, project_id=project.id)


@project_page("clusters/promote", methods=["POST"])
def promote_cluster(project: Project) -> Answer:
    """Make a cluster a category."""

    def act() -> Sequence[str]:
        name, parent = text("name", LONGEST_CATEGORY), form().get("parent") or None
        return promote(rooms().discovery, project.id, text("cluster"), name, parent)

    return _decide(project, act, REFERENCES)


@project_page("clusters/dismiss", methods=["POST"])
def dismiss_cluster(project: Project) -> Answer:
    """Dismiss a cluster."""
    return _decide(project, lambda: [dismiss(rooms().discovery, project.id, text("cluster"))])


@project_page("clusters/undo", methods=["POST"])
def undo_cluster(project: Project) -> Answer:
    """Undo the decision about a cluster."""
    return _decide(project, lambda: undo(rooms().discovery, project.id, text("cluster"), reason()), UNDONE)


def _decide(project: Project, act: Callable[[], Sequence[str]], then: str = "") -> Answer:
    """Do what a person decided, and say on the page what changed and what follows, or why nothing changed."""
    try:
        with in_turn():
            lines = act()
    except LoopError as error:
        return go_back("clusters", str(error), is_error=True, project_id=project.id)
    if then:
        flash(then, "note")
    return go_back("clusters", "; ".join(lines), project_id=project.id)


def _send(path: Path, kind: str) -> Response:
    """Send a file of a discovery. Raises NotFound."""
    try:
        return Response(path.read_bytes(), mimetype=kind)
    except FileNotFoundError:
        text = "this picture is gone: a discovery draws it again, on the machine whose worker runs it"
        raise NotFound(text) from None
