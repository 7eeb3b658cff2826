"""Every text from outside has a longest length where it is stored."""

import json

import pytest
import sqlalchemy as sa

from loop.datasets.split_store import ReviewedTask
from loop.errors import LabelConfigError, LoopError, PayloadError, TaxonomyError
from loop.label_studio.label_config import parse
from loop.label_studio.label_config_xml import LONGEST_CONFIG
from loop.label_studio.payloads import read_review
from loop.reviews.review_row import write
from loop.storage import changes, exchange_tables, taxonomy_tables, vector_tables  # noqa: F401 (their tables)
from loop.storage.columns import LONGEST_MESSAGE
from loop.storage.storable import LONGEST_NAME, fit
from loop.storage.tables import metadata, moves
from loop.taxonomy.taxonomy import Enrichment, Node, Taxonomy
from tests.builders import CONFIG, ls_annotation, ls_region

HUGE = "x" * 1_000_000
BOUNDED_ELSEWHERE = {
    "projects.label_config": "refused where it is read",
    "taxonomies.content": "written from nodes whose texts are checked",
    "planned_tasks.state": "ours",
    "deliveries.url": "of the settings",
}


def test_every_column_of_text_has_a_longest_length():
    plain = [
        str(column)
        for table in metadata.tables.values()
        for column in table.columns
        if type(column.type) is sa.Text or (isinstance(column.type, sa.String) and not column.type.length)
    ]

    assert sorted(plain) == sorted(BOUNDED_ELSEWHERE)


def test_a_long_name_is_stored_as_unique_as_it_is():
    first, second = fit(HUGE + "a"), fit(HUGE + "b")

    assert first != second
    assert len(first) == len(second) == LONGEST_NAME
    assert fit(first) == first
    assert fit("Car") == "Car"


def test_tasks_of_one_long_group_are_on_one_side_whenever_each_of_them_is_seen(rooms):
    sides = {
        rooms.datasets.splits.freeze(1, [ReviewedTask(task, HUGE, None, "")], share=0.5, twin_bits=4).sides[task]
        for task in range(1, 21)
    }

    assert len(sides) == 1


def test_a_reason_of_any_length_is_cut(rooms, tmp_path):
    (tmp_path / "some.pt").write_bytes(b"weights")
    rooms.registry.versions.promote(1, rooms.registry.versions.add(1, tmp_path / "some.pt").name, HUGE)

    with rooms.engine.connect() as connection:
        longest = max(map(len, connection.scalars(sa.select(moves.c.why))))

    assert longest == LONGEST_MESSAGE + 1


def test_the_reason_of_a_training_and_who_asked_are_cut(rooms):
    training = rooms.trainings.store.ask(1, HUGE)

    assert len(rooms.trainings.store.get(training.id).asked_by) == LONGEST_MESSAGE + 1


def test_what_is_stored_of_a_review_does_not_grow_with_its_ids_and_the_texts_of_its_task():
    long, other = {**ls_region(), "id": HUGE}, {**ls_region(), "id": HUGE + "y"}
    review = read_review(ls_annotation(long, other), parse(CONFIG))

    row = write(review, {"image": "/data/upload/1/a.jpg", "note": HUGE, "more": [{"note": HUGE}]})

    assert len({region.id for region in review.regions}) == 2
    assert len(json.dumps([row["regions"], row["data"]])) < 30_000
    assert row["data"]["image"] == "/data/upload/1/a.jpg"


def config_of(label):
    return CONFIG.replace('value="Car"', f'value="{label}"')


@pytest.mark.parametrize(
    ("make", "error"),
    [
        pytest.param(lambda: parse(config_of(HUGE[: LONGEST_NAME + 1])), LabelConfigError, id="label"),
        pytest.param(lambda: parse(CONFIG + " " * LONGEST_CONFIG), LabelConfigError, id="label-config"),
        pytest.param(lambda: Taxonomy((Node(HUGE),)), TaxonomyError, id="node"),
        pytest.param(lambda: Taxonomy((Node("a", title=HUGE),)), TaxonomyError, id="title-of-a-node"),
        pytest.param(lambda: Taxonomy((Node("a", labels=(HUGE,)),)), TaxonomyError, id="label-of-a-node"),
        pytest.param(lambda: Taxonomy((Node("a", examples=(HUGE,)),)), TaxonomyError, id="example-of-a-node"),
        pytest.param(lambda: Taxonomy((Node("a", enrichment={"b": Enrichment(HUGE)}),)), TaxonomyError, id="field"),
    ],
)
def test_what_cannot_be_cut_is_refused_in_a_few_words(make, error):
    with pytest.raises(error, match="at most") as refused:
        make()

    assert isinstance(refused.value, LoopError)
    assert len(str(refused.value)) < 1000


def test_the_longest_label_is_taken():
    assert parse(config_of("x" * LONGEST_NAME)).label_names[0] == "x" * LONGEST_NAME


def test_a_class_gets_no_name_that_no_label_can_have(rooms):
    with pytest.raises(PayloadError, match="at most"):
        rooms.studio.classes.rename(1, "Car", HUGE)
