"""Classes that are renamed, merged and retired, in the next dataset."""

import json

import pytest
import yaml
from typer.testing import CliRunner

from loop.cli.tree import app
from loop.datasets.assemble import assemble
from loop.datasets.class_counts import count_classes
from loop.errors import PayloadError, UnknownClass
from tests.builders import CONFIG, region
from tests.datasets.builders import label_of


def loop(settings, *arguments):
    return CliRunner().invoke(app, [*map(str, ("dataset", *arguments)), "--project", "1"], env=settings.environment())


BUS = CONFIG.replace('<Label value="Car"/>', '<Label value="Bus"/>')


def test_a_label_that_left_the_config_is_named_until_somebody_decides(rooms, reviewed):
    for task in range(1, 21):
        reviewed(task)
    rooms.studio.projects.save(1, "Cars", BUS)

    before = assemble(rooms.datasets, 1)
    now = rooms.studio.classes.rename(1, "Car", "Bus")
    after = assemble(rooms.datasets, 1)

    assert before.report["labels_that_left_the_config"] == {"Car": 20}
    assert (now.id, now.merged_into) == (0, 2)
    assert "labels_that_left_the_config" not in after.report
    data = yaml.safe_load(after.data.read_text())
    assert (data["names"], data["former_names"]) == ({0: "Car", 1: "Person", 2: "Bus"}, {"Car": 2})
    assert {label_of(after, one) for one in after.items()} == {"2 "}


def test_a_renamed_class_keeps_its_id_and_takes_old_and_new_reviews(rooms, reviewed):
    for task in range(1, 11):
        reviewed(task)
    rooms.studio.classes.rename(1, "Car", "Auto")
    rooms.studio.projects.save(1, "Cars", CONFIG)
    rooms.studio.projects.save(1, "Cars", CONFIG.replace('"Car"', '"Auto"'))
    for task in range(11, 21):
        reviewed(task, region(label="Auto"))

    snapshot = assemble(rooms.datasets, 1)

    assert rooms.studio.projects.class_names(1) == ["Auto", "Person"]
    assert {label_of(snapshot, one) for one in snapshot.items()} == {"0 "}
    assert len(list(snapshot.items())) == 20


def test_a_retired_class_is_dropped_counted_and_can_come_back(rooms, reviewed):
    for task in range(1, 21):
        reviewed(task, region(), region("b", "Person"))

    rooms.studio.classes.retire(1, "Person")
    without = assemble(rooms.datasets, 1)
    rooms.studio.classes.retire(1, "Person", is_retired=False)
    again = assemble(rooms.datasets, 1)

    assert sum(without.report["boxes"].values()) == 20
    assert without.report["notes"]["box dropped: its class is retired"] == 20
    assert without.class_names == ("Car", "Person")
    assert sum(again.report["boxes"].values()) == 40


def test_a_merge_can_be_undone_and_names_are_never_ambiguous(rooms):
    rooms.studio.classes.rename(1, "Car", "Person")
    rooms.studio.classes.rename(1, "Person", "Car")

    assert rooms.studio.classes.book(1).labels(["Car"]).ids == {"Car": 0, "Person": 0}
    rooms.studio.classes.rename(2, "Car", "Auto")
    with pytest.raises(PayloadError, match="former name of 'Auto'"):
        rooms.studio.classes.rename(2, "Person", "Car")
    with pytest.raises(UnknownClass, match="known: Auto, Person"):
        rooms.studio.classes.rename(2, "Car", "Wagon")
    with pytest.raises(PayloadError):
        rooms.studio.classes.rename(2, "Auto", " ")
    assert rooms.studio.classes.rename(2, "Auto", "Car").former == ("Auto",)
    rooms.studio.projects.save(2, "Cars", BUS)
    rooms.studio.classes.rename(2, "Car", "Bus")
    with pytest.raises(PayloadError, match="part of another class"):
        rooms.studio.classes.rename(2, "Person", "Car")


def test_the_commands_list_rename_and_retire_classes(rooms, reviewed, settings):
    reviewed(1, region(), region("b", "Person"))
    rooms.studio.projects.save(1, "Cars", BUS)

    listed = json.loads(loop(settings, "classes", "--json").stdout)
    renamed = loop(settings, "rename-class", "Car", "Wagon")
    retired = loop(settings, "retire-class", "Person")

    assert [(row["of"]["name"], row["boxes"], row["is_in_config"], row["is_undecided"]) for row in listed] == [
        ("Car", 1, False, True),
        ("Person", 1, True, False),
        ("Bus", 0, True, False),
    ]
    assert renamed.stdout.startswith("class 0, 'Car', is called 'Wagon'\nnext: the label 'Car' stays in Label Studio")
    assert retired.stdout.startswith("class 1, 'Person', is retired\nnext: ")
    table = loop(settings, "classes").stdout
    assert "was Car" in table
    assert "retired" in table
    assert [(row.of.name, row.boxes) for row in count_classes(rooms.datasets, 1)] == [
        ("Wagon", 1),
        ("Person", 1),
        ("Bus", 0),
    ]
    merged = loop(settings, "rename-class", "Wagon", "Person")
    assert "'Wagon', is part of 'Person' (id 1), which is retired: no version learns from its boxes" in merged.stdout
    unknown = loop(settings, "rename-class", "Plane", "Kite")
    assert str(unknown.exception) == "no class 'Plane'; known: Person, Bus"
