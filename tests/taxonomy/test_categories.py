"""The category that a person's name for a cluster means."""

import pytest

from loop.errors import TaxonomyError
from loop.taxonomy.editing.categories import begin_taxonomy, name_category
from loop.taxonomy.taxonomy import Node, Taxonomy
from loop.taxonomy.taxonomy_yaml import read, write

TREE = Taxonomy(
    (Node("animals", title="Animals"), Node("birds", parent="animals", labels=("Bird", "Owl")), Node("cars"))
)


@pytest.mark.parametrize(
    ("name", "parent", "node", "label"),
    [
        ("Insect", "animals", "insect", "Insect"),
        ("Owl", None, "birds", "Owl"),
        ("birds", "animals", "birds", "Bird"),
        ("Animals", None, "animals", "Animals"),
        ("cars", None, "cars", "cars"),
    ],
    ids=["new", "by-label", "by-id", "by-title", "node-without-label"],
)
def test_a_name_is_a_new_node_or_the_one_that_is_called_so(name, parent, node, label):
    category = name_category(TREE, name, parent)

    assert (category.node, category.label) == (node, label)
    assert category.taxonomy.node_of_label[label] == node
    assert name_category(category.taxonomy, name, parent) == category


OTHERS = Taxonomy(
    (
        *(Node("animals"), Node("plants"), Node("fish", title="Bird")),
        *(Node("a", title="Other", parent="animals"), Node("b", title="Other", parent="plants"), Node("Bird")),
        *(Node("cat", title="Cat", parent="animals"), Node("cat-2", title="Cat", parent="plants")),
    )
)


@pytest.mark.parametrize(
    ("name", "parent", "node"),
    [
        ("Other", "plants", "b"),
        ("other", "plants", "b"),
        ("a", None, "a"),
        ("Bird", None, "Bird"),
        ("cat", "plants", "cat-2"),
    ],
    ids=["by-parent", "in-another-case", "by-id", "by-id-before-title", "by-parent-before-id"],
)
def test_of_nodes_with_one_name_the_one_that_is_meant_is_found(name, parent, node):
    assert name_category(OTHERS, name, parent).node == node


@pytest.mark.parametrize(("name", "parent"), [("Other", None), ("other", None), ("Other", "Bird")])
def test_a_name_that_may_mean_several_nodes_is_refused_with_their_ids(name, parent):
    with pytest.raises(TaxonomyError, match="a, b"):
        name_category(OTHERS, name, parent)


@pytest.mark.parametrize(("name", "parent"), [("Owl", "cars"), ("New", "nowhere"), ("  ", None)])
def test_a_name_that_contradicts_the_tree_is_refused(name, parent):
    with pytest.raises(TaxonomyError):
        name_category(TREE, name, parent)


def test_a_project_without_a_taxonomy_begins_with_its_labels():
    assert begin_taxonomy(["Car", "Stag beetle"]).node_of_label == {"Car": "car", "Stag beetle": "stag-beetle"}


def test_a_label_with_white_space_around_it_has_a_node_also_once_the_taxonomy_is_written():
    taxonomy = read(write(begin_taxonomy(["Car ", "Bus", " "])))

    assert taxonomy.node_of_label["Car "] == "car"
    assert taxonomy.find_missing(["Car ", "Bus"]) == set()


def test_white_space_around_a_label_of_the_tree_alone_does_not_matter():
    taxonomy = read('nodes: [{id: car, labels: [" Car"]}]')

    assert taxonomy.node_of_label["Car"] == "car"
    assert taxonomy.find_missing(["Car"]) == set()
