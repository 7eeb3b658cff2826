"""Studies that also train on the surest open tasks, as they are predicted."""

from scripts.learning.plan import RunPlan
from scripts.learning.pseudo_labels import SUREST
from scripts.learning.replay import replay
from scripts.learning.studio import PROJECT
from tests.learning.fakes import make_lab


def train_by(order):
    """Return the last dataset of two rounds of 12 images, and its reviewed tasks."""
    kept = {}

    def keep(project, _images):
        rooms = project.rooms
        kept["snapshot"] = rooms.trainings.store.last(PROJECT)[0].report["snapshot"]
        kept["reviewed"] = set(rooms.reviews.store.latest(PROJECT))

    replay(RunPlan("composed", order, 1, 2, 12, 70, 7, 1), lab=make_lab(), note=lambda _: None, then=keep)
    return kept


def test_the_surest_open_tasks_are_trained_on_and_none_of_them_is_held_out():
    without, with_them = train_by("random"), train_by("random+pseudo")

    assert with_them["reviewed"] == without["reviewed"]
    images, more = without["snapshot"]["images"], with_them["snapshot"]["images"]
    assert images == {"train": 16, "held_out": 4}
    assert more["held_out"] == 4
    assert more["train"] in range(16 + SUREST, 20 + SUREST + 1)  # up to four empty images that they make room for
