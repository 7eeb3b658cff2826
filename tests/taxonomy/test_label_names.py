"""References start votes for a label whatever recorded label they have that means it today."""

import numpy as np
import pytest

from loop.label_studio.label_config import parse
from loop.references.entries import Entry, Neighbour
from loop.references.index import index
from loop.taxonomy.labelling.voting import LabelVoting, count_references
from tests.builders import CONFIG, region
from tests.references.builders import RIGHT, predicted, reviewed
from tests.taxonomy.builders import matching


@pytest.mark.parametrize("recorded", ["Person", "person", "Human"], ids=["same", "other-case", "former-name"])
def test_a_reference_counts_for_the_label_that_it_means_today(rooms, recorded):
    rooms = matching(rooms)
    rooms.studio.projects.save(1, "Cars", CONFIG.replace("Person", recorded))
    predicted(rooms)
    reviewed(rooms, region("1r", recorded, RIGHT))
    index(rooms.references, 1)
    if recorded == "Human":
        rooms.studio.classes.rename(1, "Human", "Person")
    rooms.studio.projects.save(1, "Cars", CONFIG)
    config, space = rooms.studio.projects.get(1).config(), rooms.vision.embedders.space("", None)

    counts = {label: count_references(rooms.taxonomies, 1, space, config, [label]) for label in ("Person", "Car")}

    assert counts == {"Person": {recorded: 1}, "Car": {}}


class Found:
    """References that a search finds, whatever it looks for."""

    def __init__(self, *answers):
        self.answers = answers

    def search(self, vectors, k):
        return self.answers


def test_of_two_labels_with_equal_votes_the_same_wins_whatever_is_voted_on_beside_it():
    def found(*labels):
        return [Neighbour(Entry(label, 1, "r", label, "", 1.0, "named"), 0.9) for label in labels]

    def vote(*answers):
        voting = LabelVoting(parse(CONFIG), frozenset(["Car", "Person"]), {}, Found(*answers))
        return voting.vote(np.zeros((len(answers), 2), np.float32))[-1]

    equal = found("Car", "Person")

    assert vote(equal) == vote(found("Person"), equal) == vote(found("Car"), equal)
