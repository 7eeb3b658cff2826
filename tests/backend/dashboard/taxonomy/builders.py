"""A taxonomy with hostile names in the records of project 5, and what jobs prepared."""

from loop.taxonomy import manage
from loop.taxonomy.calibration import Basis, NodeCalibration
from loop.taxonomy.editing.preview_store import PreviewKind
from loop.taxonomy.taxonomy import Node, Taxonomy
from tests.backend.dashboard.builders import HOSTILE, PROJECT

PATH = f"/loop/projects/{PROJECT}/taxonomy/"
TREE = Taxonomy(
    (
        Node("thing", "Things"),
        Node("car", "Cars", "thing", labels=("Car", "Boat"), threshold=0.4),
        Node("evil", HOSTILE, "car", labels=(HOSTILE,)),
    )
)
TOKEN = "0123456789abcdef"


def with_taxonomy(app):
    """A taxonomy in force with prepared thresholds and changes."""
    rooms = app.extensions["rooms"]
    manage.apply(rooms.taxonomies, PROJECT, TREE, f"because {HOSTILE}")
    previews = rooms.taxonomies.store.previews
    row = NodeCalibration("car", 25, 0.5125, 0.9, 0.2, Basis.OWN, reaches=False)
    rows = [{**{name: getattr(row, name) for name in row.__slots__}, "basis": row.basis.value}]
    previews.put(PROJECT, PreviewKind.CALIBRATION, {"version": TREE.version, "rows": rows})
    moves = [["", "car", 40], ["evil", HOSTILE, 2]]
    counts = {"detections": 1000, "matches": 44, "moves": moves}
    previews.put(PROJECT, PreviewKind.CHANGES, {"token": TOKEN, **counts})
    previews.put(PROJECT, PreviewKind.OUTCOME, {"error": f"StalePlan {HOSTILE}"})
    return rooms
