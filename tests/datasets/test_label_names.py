"""Whatever labels are called: the names are read back as they are, by ultralytics' own loader too."""

import json

import pytest
import yaml
from hypothesis import example, given, settings
from hypothesis import strategies as st

from loop.datasets import convert
from loop.datasets.yolo_format import read_data_file, write_data_file
from loop.errors import PayloadError
from loop.label_studio.classes import ClassBook, ClassIndex, ObjectClass
from loop.label_studio.label_config import parse
from loop.label_studio.label_config_edit import with_label
from loop.taxonomy import taxonomy_yaml
from loop.taxonomy.taxonomy import begin_taxonomy
from tests.builders import ls_annotation, ls_region, picture
from tests.label_studio.builders import NAMES, config_of

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


@pytest.mark.parametrize("text", ["names: 3", "- a", "names: [a", "", "names: {x: a, 1: b}"])
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
