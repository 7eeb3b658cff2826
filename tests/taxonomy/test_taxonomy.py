"""The taxonomy: reading, writing, growing."""

import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from loop.cli.taxonomy import tree_lines
from loop.cli.tree import app
from loop.errors import PayloadError, TaxonomyError
from loop.label_studio.label_config import parse
from loop.taxonomy.editing.categories import add_category, with_thresholds
from loop.taxonomy.taxonomy import Enrichment, Mode, Node, Taxonomy
from loop.taxonomy.taxonomy_yaml import read, write
from scripts.demo.scenes import CLASSES
from tests.builders import CONFIG

EXAMPLE = (Path(__file__).parents[2] / "label_config" / "taxonomy.yaml").read_text()
CYCLE = "nodes: [{id: a, parent: b}, {id: b, parent: c}, {id: c, parent: a}]"
SHARED = "nodes: [{id: a, labels: [Car]}, {id: b, labels: [Car]}]"
MODE = "nodes: [{id: a, enrichment: {x: {value: y, mode: add}}}]"


def test_the_worked_example_has_every_class_of_the_demo():
    taxonomy = read(EXAMPLE)

    assert set(taxonomy.node_of_label) == set(CLASSES)
    assert taxonomy.path("cattle") == ("animal", "cattle")
    assert taxonomy.by_id["cattle"].enrichment["handling"] == Enrichment("report to the herd book", Mode.APPEND)
    assert taxonomy.by_id["animal"].threshold == 0.45


def test_an_empty_file_is_a_taxonomy_without_nodes():
    assert read("# nothing yet\n") == read("nodes: []") == Taxonomy()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        pytest.param(CYCLE, "node a parent.*cycle.*a -> b -> c -> a", id="cycle"),
        pytest.param("nodes: [{id: a, parent: a}]", "node a parent.*cycle", id="own-parent"),
        pytest.param(SHARED, "node b labels.*not a's.*Car", id="label-in-two"),
        pytest.param("nodes: [{id: a, parent: z}]", "node a parent.*one of a, found z", id="unknown-parent"),
        pytest.param("nodes: [{id: a, threshold: 2}]", "node a threshold.*from 0 to 1, found 2", id="threshold-of-two"),
        pytest.param(f"nodes: [{{id: a, threshold: {10**400}}}]", "node a threshold", id="threshold-endless"),
        pytest.param("nodes: [{id: a, threshold: .nan}]", "node a threshold", id="threshold-nan"),
        pytest.param("nodes: [{id: a, threshold: yes}]", "node a threshold", id="threshold-yes"),
        pytest.param("nodes: [{id: a}, {id: a}]", "node a id.*no other", id="doubled-id"),
        pytest.param("nodes: [{id: a, treshold: 0.5}]", "node a treshold.*one of the keys", id="unknown-key"),
        pytest.param("nodes: [{title: A}]", "node 1 id", id="no-id"),
        pytest.param("nodes: [{id: 7}]", "node 1 id.*quotes", id="number-as-id"),
        pytest.param("nodes: [{id: a, labels: [no]}]", "node a labels.*quotes", id="label-no"),
        pytest.param("nodes: [{id: a, labels: Car}]", "node a labels.*a list", id="label-alone"),
        pytest.param("nodes: [{id: a, labels: [Car, Car]}]", "node a labels.*once", id="label-twice"),
        pytest.param("nodes: [{id: a, labels: [Car, ' Car']}]", "node a labels.*once", id="label-twice-but-for-space"),
        pytest.param(MODE, "node a enrichment.x.mode.*replace or append", id="mode"),
        pytest.param("nodes: [{id: a, enrichment: {yes: x, on: y}}]", "enrichment True.*quotes", id="enrichment-on"),
        pytest.param("nodes: [{id: a, enrichment: {007: x}}]", "enrichment 7.*quotes", id="enrichment-007"),
        pytest.param("nodes: [{id: a, enrichment: {x: 3}}]", "enrichment.x.*text", id="enrichment-number"),
        pytest.param("nodes: {a: b}", "nodes.*a list", id="mapping"),
        pytest.param("tree: []", "one key `nodes`", id="other-key"),
        pytest.param("nodes: [", "well-formed YAML", id="cut-off"),
        pytest.param("[" * 1000, "well-formed YAML", id="only-brackets"),
        pytest.param("!!python/object/apply:os.system [ls]", "well-formed YAML", id="code"),
        pytest.param("just words", "one key `nodes`", id="words"),
    ],
)
def test_what_is_no_taxonomy_is_refused_by_node_and_field(text, message):
    with pytest.raises(TaxonomyError, match=message):
        read(text)


WRONG = """
nodes:
  - {id: animal, threshold: 2, titel: Animals}
  - {id: cat, parent: animal, labels: [Cat, 7, no]}
  - {id: dog, parent: anmial, labels: [Cat], enrichment: {a: 1, b: {value: x, mode: add}}}
  - {id: dog}
  - {id: x, parent: y}
  - {id: y, parent: x}
"""


def test_all_errors_of_a_file_are_named_at_once():
    with pytest.raises(TaxonomyError) as raised:
        read(WRONG)

    assert [error.field for error in (raised.value, *raised.value.others)] == [
        *("node animal titel", "node animal threshold", "node cat labels", "node cat labels"),
        *("node dog enrichment.a", "node dog enrichment.b.mode", "node dog id", "node dog parent", "node dog labels"),
        "node x parent",
    ]


def test_a_node_without_a_readable_id_makes_no_errors_of_other_nodes():
    with pytest.raises(TaxonomyError) as raised:
        read("nodes: [{id: 7}, {title: x}, just words, {id: a, parent: z}]")

    assert [error.field for error in (raised.value, *raised.value.others)] == ["node 1 id", "node 2 id", "node 3"]


def test_the_command_prints_every_error_with_the_file(tmp_path):
    file = tmp_path / "wrong.yaml"
    file.write_text(WRONG)

    checked = CliRunner().invoke(app, ["taxonomy", "check", str(file)])

    lines = checked.stderr.strip().splitlines()
    assert checked.exit_code == 1
    assert len(lines) == 10
    assert all(line.startswith(f"loop: {file}: node ") for line in lines), lines


def test_a_program_gets_every_error_too(tmp_path):
    file = tmp_path / "wrong.yaml"
    file.write_text(WRONG)

    checked = CliRunner().invoke(app, ["taxonomy", "check", str(file), "--json"])

    answer = json.loads(checked.stdout)
    assert (checked.exit_code, answer["exit_code"], answer["error"]["kind"]) == (1, 1, "TaxonomyError")
    assert len(answer["errors"]) == 10
    assert answer["error"]["message"] == answer["errors"][0]


def test_a_written_taxonomy_is_printable_whatever_its_names_have():
    taxonomy = Taxonomy((Node("a", "x\u202ey\u200b\U000e0041"),))

    assert write(taxonomy).replace("\n", "").isprintable()
    assert read(write(taxonomy)) == taxonomy


names = (
    st.text(st.characters(codec="utf-8", exclude_categories=["Cs", "Cc"]), min_size=1, max_size=12)
    .map(str.strip)
    .filter(bool)
)


texts = st.text("ab: #'\"", max_size=5)
enrichments = st.dictionaries(names, st.builds(Enrichment, texts, st.sampled_from(Mode)), max_size=2)


@st.composite
def taxonomies(draw):
    ids = draw(st.lists(names, max_size=6, unique=True))
    labels = iter(draw(st.lists(names, min_size=6, max_size=6, unique=True)))
    nodes = [
        Node(
            id=node_id,
            title=draw(st.just("") | names),
            parent=draw(st.none() | st.sampled_from(ids[:place])) if place else None,
            labels=(next(labels),) if draw(st.booleans()) else (),
            threshold=draw(st.none() | st.floats(0, 1)),
            enrichment=draw(enrichments),
        )
        for place, node_id in enumerate(ids)
    ]
    return Taxonomy(tuple(nodes))


@settings(deadline=None, max_examples=25)
@given(taxonomies())
def test_what_is_written_is_read_again(taxonomy):
    again = read(write(taxonomy))

    assert again == taxonomy
    assert again.version == taxonomy.version


def test_the_version_changes_with_any_field():
    before = read(EXAMPLE)

    assert before.version == read(EXAMPLE + "\n# a comment\n").version
    assert before.version != with_thresholds(before, {"fish": 0.5}).version


def test_promoting_adds_one_node_under_its_parent():
    grown = add_category(read(EXAMPLE), " Insect ", parent="animal")

    assert grown.nodes[-1] == Node("insect", "Insect", "animal", ("Insect",))
    assert grown.path("insect") == ("animal", "insect")


def test_promoting_twice_is_promoting_once():
    once = add_category(read(EXAMPLE), "Insect", parent="animal")

    assert add_category(once, "Insect", parent="animal") is once
    assert add_category(once, "Insect") is once


def test_promoting_a_name_that_is_an_id_already_gets_another_id():
    assert add_category(read(EXAMPLE), "Animal").nodes[-1].id == "animal-2"


@pytest.mark.parametrize(
    ("name", "parent", "message"),
    [
        pytest.param("Insect", "nobody", "unknown|one of", id="unknown-parent"),
        pytest.param("Fish", "plant", "node fish parent", id="known-elsewhere"),
        pytest.param("  ", None, "a name", id="no-name"),
    ],
)
def test_what_cannot_be_promoted_is_refused(name, parent, message):
    with pytest.raises(TaxonomyError, match=message):
        add_category(read(EXAMPLE), name, parent=parent)


def test_the_tree_is_drawn_with_children_under_their_parent():
    lines = tree_lines(read(EXAMPLE))

    assert lines[:2] == ["animal (Animal)  threshold: 0.45", "  bird (Bird)  labels: Bird"]
    assert len(lines) == 8


def test_check_and_show_need_no_server(tmp_path):
    file = tmp_path / "taxonomy.yaml"
    file.write_text(EXAMPLE)

    checked, shown = (CliRunner().invoke(app, ["taxonomy", verb, str(file)]) for verb in ("check", "show"))

    assert "8 nodes, 6 labels" in checked.output
    assert "  fish (Fish)  labels: Fish\n" in shown.output


@pytest.mark.parametrize(
    "content", [None, b"nodes: [\xe9]", b"nodes: [{id: a, threshold: 2}]"], ids=["missing", "not-text", "wrong"]
)
def test_check_fails_with_one_of_our_errors(tmp_path, content):
    file = tmp_path / "taxonomy.yaml"
    if content is not None:
        file.write_bytes(content)

    done = CliRunner().invoke(app, ["taxonomy", "check", str(file)])

    assert done.exit_code
    assert isinstance(done.exception, PayloadError)


def test_a_promoted_label_is_one_that_a_label_config_can_hold():
    from loop.label_studio.label_config_edit import with_label

    grown = add_category(Taxonomy(), "Road & <rail> “signs”")

    assert parse(with_label(CONFIG, grown.nodes[0].labels[0])).label_names[-1] == grown.nodes[0].labels[0]
