"""References start votes for a label whatever recorded label they have that means it today."""

import pytest

from loop.references.index import index
from loop.taxonomy.labelling.voting import count_references
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
