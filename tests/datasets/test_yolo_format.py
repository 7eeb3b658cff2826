"""YOLO's label lines."""

import json

import pytest
import yaml
from hypothesis import example, given, settings
from hypothesis import strategies as st

from loop.datasets import convert
from loop.datasets.yolo_format import Note, read_data_file, read_lines, write_data_file, write_lines
from loop.errors import PayloadError
from loop.label_studio.classes import ClassBook, ClassIndex, ObjectClass
from loop.label_studio.label_config import parse
from loop.label_studio.label_config_edit import with_label
from loop.regions import Box, Region
from loop.taxonomy import taxonomy_yaml
from loop.taxonomy.editing.categories import begin_taxonomy
from tests.builders import ls_annotation, ls_region, picture, region
from tests.label_studio.builders import NAMES, config_of

IDS = ClassIndex.of(["Car", "Person"])


def test_a_line_is_class_centre_and_size():
    lines = write_lines([region(label="Person", at=Box(0.2, 0.4, 0.4, 0.8))], IDS)

    assert lines.text == "1 0.300000 0.600000 0.200000 0.400000\n"
    assert not lines.notes


def test_lines_come_back_as_they_were_written():
    regions = [region("1", "Car", Box(0.25, 0.25, 0.5, 0.75)), region("2", "Person", Box(0, 0, 1, 1))]

    back = read_lines(write_lines(regions, IDS).text, ["Car", "Person"])

    assert [(one.label, one.box) for one in back] == [(one.label, one.box) for one in regions]


def test_a_box_over_the_edge_is_clipped_and_counted():
    lines = write_lines([region(at=Box(-0.5, 0.0, 0.5, 1.0))], IDS)

    assert lines.text == "0 0.250000 0.500000 0.500000 1.000000\n"
    assert lines.notes == {Note.CLIPPED: 1}


def test_a_box_that_stands_twice_is_written_once_and_counted():
    """Ultralytics removes equal lines when it reads them."""
    twice = [region("a", "Car"), region("b", "Car"), region("c", "Person")]

    lines = write_lines(twice, IDS)

    assert (len(lines.text.splitlines()), lines.boxes, lines.notes) == (2, 2, {Note.TWICE: 1})


@pytest.mark.parametrize("at", [Box(0.2, 0.2, 0.2, 0.5), Box(1.2, 0.2, 1.5, 0.5), Box(0.5, 0.5, 0.4, 0.6)])
def test_a_box_without_extent_is_dropped_and_counted(at):
    lines = write_lines([region(at=at)], IDS)

    assert (lines.text, lines.boxes, lines.notes) == ("", 0, {Note.EMPTY: 1})


def test_a_rotated_box_is_counted():
    lines = write_lines([Region("a", Box(0.1, 0.1, 0.2, 0.2), "Car", rotation=30)], IDS)

    assert lines.notes == {Note.ROTATED: 1}


def test_the_data_file_names_classes_by_id():
    data = yaml.safe_load(write_data_file(ClassIndex.of(["Car", 'a "quoted": name', "yes"])))

    assert data["names"] == {0: "Car", 1: 'a "quoted": name', 2: "yes"}
    assert (data["train"], data["val"]) == ("images/train", "images/held_out")


@pytest.mark.parametrize("number", [float("nan"), float("inf"), None, "0.5"])
@pytest.mark.parametrize("side", range(4))
def test_a_box_that_is_not_four_numbers_is_refused_and_never_clipped_into_one(number, side):
    sides = [0.1, 0.1, 0.4, 0.4]
    sides[side] = number

    with pytest.raises(PayloadError, match="four finite numbers"):
        write_lines([region(at=Box(*sides))], IDS)


def test_boxes_of_a_retired_class_are_dropped_and_counted():
    labels = ClassIndex(("Car", "Person"), {"Car": 0, "Person": 1}, retired=frozenset({"Car"}))

    lines = write_lines([region(), region("b", "Person")], labels)

    assert (lines.text[0], lines.boxes, lines.notes) == ("1", 1, {Note.RETIRED: 1})


def test_the_data_file_says_what_renamed_classes_were_called():
    data = yaml.safe_load(write_data_file(ClassIndex(("Auto", "Person"), {"Auto": 0, "Car": 0, "Person": 1})))

    assert (data["names"], data["former_names"]) == ({0: "Auto", 1: "Person"}, {"Car": 0})


@pytest.mark.parametrize(
    "text",
    [
        "0 0.5 0.5 0.1",
        "9 0.5 0.5 0.1 0.1",
        "-1 0.5 0.5 0.1 0.1",
        "car 0.5 0.5 0.1 0.1",
        "0 nan 0.5 0.1 0.1",
        "0 0.5 0.5 inf 0.1",
        "0 1.5 0.5 0.1 0.1",
        "0 0.5 0.5 0.1 0.1 0.1",
    ],
)
def test_a_line_that_is_none_is_refused_by_number(text):
    with pytest.raises(PayloadError, match="line 2"):
        read_lines(f"0 0.5 0.5 0.1 0.1\n{text}\n", ["Car"])


IN_XML = st.characters(
    exclude_categories=["Cs"], exclude_characters=[*map(chr, [*range(9), 11, 12, *range(14, 32)]), "\ufffe", "\uffff"]
)
LABELS = st.lists(st.text(IN_XML, min_size=1, max_size=30), min_size=1, max_size=6)


def as_ultralytics_reads(text, folder):
    """The class names in a `data.yaml`, through the loader that a training uses."""
    from ultralytics.data.utils import check_det_dataset

    (folder / "data.yaml").write_text(text, encoding="utf-8")
    for side in ("train", "held_out"):
        (folder / "images" / side).mkdir(parents=True, exist_ok=True)
    return list(check_det_dataset(folder / "data.yaml", autodownload=False)["names"].values())


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("dataset")


@pytest.mark.parametrize("name", [pytest.param(name, id=key) for key, name in NAMES.items()])
def test_a_name_is_read_back_as_it_is(name, folder):
    labels = ClassIndex.of(parse(config_of(["first", name])).label_names)

    text = write_data_file(labels)

    assert labels.names == ("first", name)
    assert as_ultralytics_reads(text, folder) == ["first", name]
    assert read_data_file(text) == labels


@given(LABELS)
@example(list(NAMES.values()))
@example(["n0", "Car", "car", "CAR"])
@settings(max_examples=200)
def test_any_labels_that_xml_can_hold_are_read_back_as_they_are(folder, names):
    labels = ClassIndex.of(parse(config_of(names)).label_names)

    read = as_ultralytics_reads(write_data_file(labels), folder)

    assert read == list(dict.fromkeys(names))
    assert len(labels.ids) == len(read)


@given(LABELS, LABELS)
def test_former_names_are_read_back_as_they_are(names, former):
    distinct, others = list(dict.fromkeys(names)), [name for name in dict.fromkeys(former) if name not in names]
    book = ClassBook((ObjectClass(0, distinct[0], tuple(others)), *map(ObjectClass, range(1, 9), distinct[1:])))
    labels = book.labels(names)

    read = read_data_file(write_data_file(labels))

    assert (read.names, read.ids) == (labels.names, labels.ids)


def test_names_that_need_no_escape_are_written_as_they_were_before():
    assert write_data_file(ClassIndex.of(["Car", "yes"])) == (
        'train: images/train\nval: images/held_out\nnames:\n  0: "Car"\n  1: "yes"\n'
    )


@pytest.mark.parametrize("text", ["names: 3", "- a", "names: [a", "", "names: {x: a, 1: b}", "names: {1: a, 2: b}"])
def test_a_data_file_without_classes_is_refused(text):
    with pytest.raises(PayloadError, match="names of classes by id"):
        read_data_file(text)


def test_a_label_that_stands_twice_is_one_class():
    labels = ClassIndex.of(parse(config_of(["Car", "Person", "Car"])).label_names)

    assert (labels.names, labels.ids) == (("Car", "Person"), {"Car": 0, "Person": 1})


@pytest.mark.parametrize("name", [pytest.param(name, id=key) for key, name in NAMES.items()])
def test_a_name_becomes_a_node_of_the_taxonomy_and_a_label_of_the_config(name):
    taxonomy = begin_taxonomy(["first", name])

    assert taxonomy_yaml.read(taxonomy_yaml.write(taxonomy)) == taxonomy
    assert parse(with_label(config_of(["first"]), name)).label_names == ("first", name)


def test_of_two_labels_that_differ_in_case_one_can_be_renamed():
    book = ClassBook((ObjectClass(0, "Auto", ("Car",)), ObjectClass(1, "car")))
    config = parse(config_of(["Auto", "car"])).with_synonyms(book.synonyms())

    assert config.label_map(["Car", "car"]) == {"Car": "Auto", "car": "car"}


def test_an_export_with_such_labels_is_converted_with_its_names(tmp_path):
    names = list(NAMES.values())
    (tmp_path / "images").mkdir()
    tasks = []
    for task, name in enumerate(names, start=1):
        (tmp_path / "images" / f"{task}.jpg").write_bytes(picture(colour=(task, 2 * task, 3 * task)))
        annotation = ls_annotation(ls_region("a", name), annotation=task, task=task)
        tasks.append({"id": task, "data": {"image": f"/{task}.jpg"}, "annotations": [annotation], "project": 1})
    (tmp_path / "export.json").write_text(json.dumps(tasks))

    snapshot = convert.to_dataset(tmp_path / "export.json", config_of(names), tmp_path / "images", tmp_path / "out")

    assert list(snapshot.class_names) == names
    assert list(yaml.safe_load(snapshot.data.read_text())["names"].values()) == names
    files = sorted((tmp_path / "out" / "labels").rglob("*.txt"), key=lambda path: path.stem)
    assert [int(path.read_text().split()[0]) for path in files] == list(range(len(names)))
