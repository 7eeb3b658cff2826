"""The control that shows what a region was matched to."""

from pathlib import Path

import pytest

from loop.errors import LabelConfigError
from loop.label_studio.label_config import parse
from loop.label_studio.match_control import ControlKind, find_control
from loop.taxonomy.taxonomy_yaml import read
from tests.taxonomy.builders import ANIMALS, CHOICES, TAXONOMY, config

FOLDER = Path(__file__).parents[2] / "label_config"


def path(xml, node):
    return find_control(xml).path_of([ANIMALS.by_id[ancestor] for ancestor in ANIMALS.path(node)])


def test_a_taxonomy_comes_before_choices_wherever_it_stands():
    assert (control := find_control(config(CHOICES, TAXONOMY))).kind is ControlKind.TAXONOMY
    assert control.name == "category"
    assert find_control(config(CHOICES)).kind is ControlKind.CHOICES


@pytest.mark.parametrize(
    "control",
    [
        "",
        TAXONOMY.replace('perRegion="true"', ""),
        TAXONOMY.replace('perRegion="true"', 'perRegion="false"'),
        TAXONOMY.replace('toName="image"', 'toName="other"'),
        TAXONOMY.replace('name="category"', ""),
        CHOICES.replace('perRegion="true"', 'perItem="true"'),
    ],
    ids=["none", "per-task", "set-to-false", "other-image", "nameless", "per-item"],
)
def test_what_cannot_show_a_match_of_a_region_is_no_control(control):
    assert find_control(config(control)) is None


@pytest.mark.parametrize("name", ["perRegion", "Taxonomy", "Choice"])
def test_names_are_read_without_regard_to_case_as_the_editor_does(name):
    assert path(config(TAXONOMY.replace(name, name.lower())), "owl") == ("ANIMAL", "av")


@pytest.mark.parametrize(
    ("node", "expected"),
    [("animal", ("ANIMAL",)), ("bird", ("ANIMAL", "av")), ("owl", ("ANIMAL", "av")), ("plant", ())],
)
def test_a_path_goes_as_deep_as_the_taxonomy_has_it_and_writes_what_the_taxonomy_writes(node, expected):
    assert path(config(TAXONOMY), node) == expected


@pytest.mark.parametrize(
    ("node", "expected"), [("animal", ()), ("bird", ("bird",)), ("owl", ("bird",)), ("plant", ("plant",))]
)
def test_of_flat_choices_the_deepest_that_is_there_is_chosen(node, expected):
    assert path(config(CHOICES), node) == expected


def test_of_flat_choices_on_two_levels_the_lower_is_chosen():
    both = CHOICES.replace("Plants", "animal").replace('alias="plant"', "")

    assert (path(config(both), "animal"), path(config(both), "owl")) == (("animal",), ("bird",))


def test_a_choice_that_the_editor_does_not_let_people_choose_is_not_written():
    leaves_only = TAXONOMY.replace("perRegion", 'leafsOnly="true" perRegion')
    nested = CHOICES.replace("perRegion", 'allowNested="true" perRegion').replace('"owl"', '"x"')

    assert path(config(leaves_only), "bird") == ()
    assert path(config(leaves_only.replace("Snowy", "owl")), "owl") == ("ANIMAL", "av", "owl")
    assert path(config(nested), "plant") == ()


@pytest.mark.parametrize("source", ['value="$tree"', 'apiUrl="https://example.com/tree"'])
def test_choices_that_we_cannot_know_get_the_names_of_the_nodes(source):
    dynamic = f'<Taxonomy name="category" toName="image" perRegion="true" {source}/>'
    flat = '<Choices name="kind" toName="image" perRegion="true" value="$kinds"/>'

    assert path(config(dynamic), "owl") == ("Animal", "Bird", "owl")
    assert path(config(flat), "owl") == ("owl",)


def test_the_worked_example_shows_every_node_of_the_worked_taxonomy():
    taxonomy = read((FOLDER / "taxonomy.yaml").read_text())
    xml = (FOLDER / "rectangles_taxonomy.xml").read_text()
    control = find_control(xml)

    for node in taxonomy.nodes:
        nodes = [taxonomy.by_id[ancestor] for ancestor in taxonomy.path(node.id)]
        assert control.path_of(nodes) == tuple(node.title for node in nodes)
    assert set(parse(xml).label_names) == set(taxonomy.node_of_label)


def test_a_config_that_is_none_is_refused():
    with pytest.raises(LabelConfigError, match="well-formed XML"):
        find_control("<View>")
