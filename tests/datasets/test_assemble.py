"""From reviews to a dataset: real records, and real images from an HTTP server on this machine."""

import json
import random
import threading
import time
from contextlib import closing
from dataclasses import replace

import pytest
import yaml
from PIL import Image
from typer.testing import CliRunner

from loop.cli.tree import app
from loop.datasets import folder as dataset_folder
from loop.datasets.assemble import assemble, find_leaks, read_group
from loop.datasets.class_counts import count_classes
from loop.datasets.selection import SelectionPolicy
from loop.datasets.snapshots import Reason
from loop.datasets.split_store import ReviewedTask
from loop.datasets.splits import Leak, Side
from loop.errors import EmptySnapshot, LeakedSplit, PayloadError, UnknownClass
from loop.registry.store import VersionFacts
from loop.reviews.verdicts import judge
from loop.rooms import swap
from loop.settings import Settings
from loop.training.retrain import retrain
from loop.training.store import TrainingState
from loop.wiring import build
from tests.builders import CONFIG, picture, region, review, served
from tests.datasets.builders import photo


@pytest.fixture
def reviewed(rooms, server):
    """Records a review of a task, whose picture is the one of that number unless another number is given."""
    folder, url = server

    def recorded(task, *regions, project=1, image=None, minutes=0, **data):
        name = image or f"{task}.jpg"
        if not (folder / name).exists() and name[0].isdigit():
            (folder / name).write_bytes(photo(name.split(".", 1)[0]))
        regions = (region(),) if not regions else [one for one in regions if one]
        made = review(*regions, annotation=1000 + task, task=task, project=project, minutes=minutes)
        rooms.reviews.store.record(made, {"image": f"{url}/{name}", **data})

    return recorded


def with_policy(rooms, **changes):
    return swap(rooms, (rooms.datasets.policy, replace(rooms.datasets.policy, **changes)))


def side_of(snapshot, task):
    return next(one.side for one in snapshot.items() if one.task == task)


@pytest.mark.parametrize("count", [0, 1])
def test_too_few_reviews_are_told(rooms, reviewed, count):
    for task in range(1, count + 1):
        reviewed(task)

    with pytest.raises(EmptySnapshot, match=f"{count} usable of {count} reviewed tasks"):
        assemble(rooms.datasets, 1)
    assert find_leaks(rooms.datasets, 1) == []


def test_everything_reviewed_goes_in_and_nothing_changes_sides(rooms, reviewed):
    for task in range(1, 11):
        reviewed(task)
    first = assemble(rooms.datasets, 1)
    for task in range(11, 41):
        reviewed(task)

    second = assemble(rooms.datasets, 1)

    before = {one.task: (one.annotation, one.side) for one in first.items()}
    after = {one.task: (one.annotation, one.side) for one in second.items()}
    assert (len(before), len(after)) == (10, 40)
    assert before.items() <= after.items()
    assert before[1][0] == 1001
    dataset_folder.verify(second)


def test_the_same_reviews_in_another_home_and_order_give_the_same_hash(rooms, reviewed, settings, tmp_path):
    for task in range(1, 31):
        reviewed(task)
    one = assemble(rooms.datasets, 1)

    with closing(build(replace_home(settings, tmp_path / "other"), migrate=True)) as other:
        other.studio.projects.save(1, "Cars", CONFIG)
        for counted in reversed(rooms.reviews.store.counted(1).values()):
            other.reviews.store.record(counted.review, counted.data)
        again = assemble(other.datasets, 1)

    assert one.hash == again.hash
    assert one.folder != again.folder


def replace_home(settings, home):
    return Settings.read({**settings.environment(), "LOOP_HOME": str(home)})


def test_two_projects_at_once_do_not_meet(rooms, reviewed):
    for task in range(1, 21):
        reviewed(task)
        reviewed(task, project=2, image=f"{100 + task}.jpg")
    snapshots = {}

    threads = [
        threading.Thread(target=lambda p=project: snapshots.update({p: assemble(rooms.datasets, p)}))
        for project in (1, 2)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert {project: len(list(one.items())) for project, one in snapshots.items()} == {1: 20, 2: 20}
    assert snapshots[1].hash != snapshots[2].hash


def test_the_same_project_twice_at_once_gives_each_task_one_side(rooms, reviewed):
    for task in range(1, 21):
        reviewed(task)
    snapshots = []

    threads = [threading.Thread(target=lambda: snapshots.append(assemble(rooms.datasets, 1))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len({one.hash for one in snapshots}) == 1
    assert len(snapshots) == 4


def test_tasks_of_one_group_stay_together_where_half_of_them_have_none(rooms, reviewed):
    for task in range(1, 41):
        reviewed(task, **({"day": f"{task % 5}"} if task % 2 else {}))

    snapshot = assemble(rooms.datasets, 1)

    by_day = {day: {one.side for one in snapshot.items() if one.task % 2 and one.task % 5 == day} for day in range(5)}
    assert all(len(sides) == 1 for sides in by_day.values())
    assert snapshot.report["notes"] == {"tasks without a day, grouped by their look alone": 20}


@pytest.mark.parametrize(
    ("data", "group"),
    [
        ({"day": " Monday "}, "Monday"),
        ({"day": 3}, "3"),
        ({"day": ["b", "a"]}, '["b", "a"]'),
        ({"day": ""}, None),
        ({"day": None}, None),
        ({}, None),
    ],
)
def test_a_group_is_what_the_field_says(data, group):
    assert read_group(data, "day") == group
    assert read_group(data, "") is None


def test_a_project_whose_tasks_are_all_of_one_group_is_told_so(rooms, reviewed):
    for task in range(1, 11):
        reviewed(task, day="Monday")

    with pytest.raises(EmptySnapshot, match="LOOP_GROUP_FIELD=day"):
        assemble(rooms.datasets, 1)

    reviewed(11, day="Tuesday")
    assert side_of(assemble(rooms.datasets, 1), 11) is not side_of(assemble(rooms.datasets, 1), 1)


def test_a_near_twin_joins_the_side_of_the_task_it_is_like(rooms, reviewed, server):
    for task in range(1, 31):
        reviewed(task)
    before = {one.task: one.side for one in assemble(rooms.datasets, 1).items()}
    for task in range(1, 31):
        image = Image.open(server[0] / f"{task}.jpg").resize((128, 96))
        image.save(server[0] / f"again-{task}.jpg", quality=60)
        reviewed(100 + task, image=f"again-{task}.jpg")

    after = {one.task: one.side for one in assemble(rooms.datasets, 1).items()}

    assert [after[100 + task] for task in range(1, 31)] == [before[task] for task in range(1, 31)]
    assert set(before.values()) == set(Side)


def test_an_image_that_is_gone_costs_only_its_task(rooms, reviewed):
    for task in range(1, 11):
        reviewed(task)
    reviewed(11, image="gone.jpg")

    assert assemble(rooms.datasets, 1).report["left_out"] == {Reason.NO_IMAGE: [11]}


def test_a_record_with_a_box_that_is_no_number_costs_only_its_task(rooms, reviewed):
    for task in range(1, 11):
        reviewed(task)
    box = replace(region().box, x1=float("nan"))
    reviewed(11, region(at=box))

    assert assemble(rooms.datasets, 1).report["left_out"] == {Reason.BROKEN_BOX: [11]}


def leaky(rooms, reviewed):
    """Thirty tasks; then the picture of a training task is replaced by that of a held-out one."""
    for task in range(1, 31):
        reviewed(task)
    sides = {one.task: one.side for one in assemble(rooms.datasets, 1).items()}
    held = next(task for task, side in sides.items() if side is Side.HELD_OUT)
    train = next(task for task, side in sides.items() if side is Side.TRAIN)
    reviewed(train, image=f"{held}.jpg", minutes=5)
    return held, train


def test_an_image_that_was_replaced_by_a_held_out_one_blocks_and_is_named(rooms, reviewed):
    held, train = leaky(rooms, reviewed)

    with pytest.raises(LeakedSplit, match=rf"{train} \(like {held}\).*loop dataset leaks --project 1") as caught:
        assemble(rooms.datasets, 1)

    assert caught.value.pairs == [(held, train)]
    assert find_leaks(rooms.datasets, 1) == [Leak(held, train, "near-duplicate, 0 bits apart")]


def test_a_training_with_a_leak_fails_and_says_the_way_out(rooms, reviewed):
    leaky(rooms, reviewed)
    rooms.trainings.store.ask(1, "by hand")

    assert "--leave-out" in retrain(rooms.trainings, 1)
    assert rooms.trainings.store.last(1)[0].state is TrainingState.FAILED


def test_a_field_that_is_set_later_shows_its_leaks(rooms, reviewed):
    for task in range(1, 31):
        reviewed(task, day=f"{task % 3}")
    sides = {one.task: one.side for one in assemble(with_policy(rooms, group_field="").datasets, 1).items()}

    leaks = find_leaks(rooms.datasets, 1)

    held_days = {task % 3 for task, side in sides.items() if side is Side.HELD_OUT}
    assert [one.train for one in leaks] == [t for t, s in sides.items() if s is Side.TRAIN and t % 3 in held_days]
    assert {one.why for one in leaks} == {f"one group: {day}" for day in held_days}


def loop(settings, *arguments):
    return CliRunner().invoke(app, [*map(str, ("dataset", *arguments)), "--project", "1"], env=settings.environment())


def test_the_command_shows_leaks_leaves_them_out_and_puts_them_back(rooms, reviewed, settings):
    held, train = leaky(rooms, reviewed)

    shown = json.loads(loop(settings, "leaks", "--json").stdout)
    done = loop(settings, "leaks", "--leave-out")

    assert shown["leaks"] == [{"held_out": held, "train": train, "why": "near-duplicate, 0 bits apart"}]
    assert "left out of training: 1" in done.stdout
    snapshot = assemble(rooms.datasets, 1)
    assert snapshot.report["left_out"] == {Reason.LEFT_OUT: [train]}
    assert train not in {one.task for one in snapshot.items()}
    assert held in {one.task for one in snapshot.items()}
    assert "no leaks" in loop(settings, "leaks").stdout
    assert "put back: 1" in loop(settings, "leaks", "--put-back").stdout
    with pytest.raises(LeakedSplit):
        assemble(rooms.datasets, 1)


def test_the_share_of_images_with_nothing_on_them_is_limited_and_hard_negatives_come_first(rooms, reviewed):
    for task in range(1, 41):
        reviewed(task)
    for task in range(41, 81):
        reviewed(task, None)
    hard = {45, 60}
    for task in hard:
        rooms.serving.predictions.append([served(region("p"), task=task)])
        (seen,) = rooms.serving.predictions.of_task(1, task)
        rooms.reviews.verdicts.replace(1, task, (review(task=task), seen, judge(seen.regions, [])))

    snapshot = assemble(with_policy(rooms, selection=SelectionPolicy(1.0, 0.2)).datasets, 1)

    train = [one for one in snapshot.items() if one.side is Side.TRAIN]
    empty = {one.task for one in train if not one.boxes}
    kept_hard = hard & {one.task for one in train}
    assert len(empty) == int(0.25 * (len(train) - len(empty)))
    everything = assemble(with_policy(rooms, selection=SelectionPolicy(1.0, 1.0)).datasets, 1)
    sides = {one.task: one.side for one in everything.items()}
    assert kept_hard == {task for task in hard if sides[task] is Side.TRAIN}
    assert kept_hard
    held = {one.task for one in snapshot.items() if one.side is Side.HELD_OUT}
    assert held == {task for task, side in sides.items() if side is Side.HELD_OUT}
    assert snapshot.report["left_out_counts"] == {Reason.BACKGROUND: len(sides) - len(train) - len(held)}
    assert snapshot.report["train"]["hard negatives"] == len(kept_hard)


def learned(rooms, snapshot, tmp_path):
    """Make a version that was trained on a dataset the champion."""
    (tmp_path / "weights.pt").write_bytes(b"weights")
    version = rooms.registry.versions.add(1, tmp_path / "weights.pt", VersionFacts(snapshot=snapshot.hash))
    rooms.registry.versions.promote(1, version.name, "by hand")


def test_a_share_of_what_the_champion_learned_is_repeated_beside_all_that_is_new(rooms, reviewed, tmp_path):
    for task in range(1, 41):
        reviewed(task, region(label="Person" if task in (7, 9, 11) else "Car"))
    repeating = with_policy(rooms, selection=SelectionPolicy(0.25, 1.0))
    first = assemble(repeating.datasets, 1)
    learned(rooms, first, tmp_path)
    reviewed(1, region(), region("b"), minutes=5)  # somebody looked again
    for task in range(41, 51):
        reviewed(task)

    second = assemble(repeating.datasets, 1)
    learned(rooms, second, tmp_path)
    third = assemble(repeating.datasets, 1)

    old = [one for one in first.items() if one.side is Side.TRAIN]
    train = {one.task: one for one in second.items() if one.side is Side.TRAIN}
    new = {task for task in train if task > 40}
    assert not any(train[task].resting for task in new)
    if 1 in train:
        assert not train[1].resting
    repeated = [one for one in old if one.task != 1 and not train[one.task].resting]
    assert 0.25 * (len(old) - 1) <= len(repeated) <= 0.25 * len(old) + 2
    assert any("1 " in label_of(second, one) for one in repeated)
    rested = second.report["left_out_counts"][Reason.RESTING]
    assert rested == len(old) - len(repeated) - (1 in train)
    assert third.report["train"].get("new", 0) == 0  # what rested was learned all the same
    assert {one.task for one in third.items()} == {one.task for one in second.items()}
    dataset_folder.verify(second)


def label_of(snapshot, one):
    path = snapshot.folder / "labels" / one.side / dataset_folder.label_file(one.file)
    return " ".join(line[:2] for line in path.read_text().splitlines())


def test_all_that_was_learned_is_repeated_by_default(rooms, reviewed, tmp_path):
    for task in range(1, 21):
        reviewed(task)
    first = assemble(rooms.datasets, 1)
    learned(rooms, first, tmp_path)

    assert assemble(rooms.datasets, 1).hash == first.hash


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
    assert renamed.stdout == "class 0, 'Car', is called 'Wagon'\n"
    assert retired.stdout == "class 1, 'Person', is retired\n"
    table = loop(settings, "classes").stdout
    assert "was Car" in table
    assert "retired" in table
    assert [(row.of.name, row.boxes) for row in count_classes(rooms.datasets, 1)] == [
        ("Wagon", 1),
        ("Person", 1),
        ("Bus", 0),
    ]
    unknown = loop(settings, "rename-class", "Plane", "Kite")
    assert str(unknown.exception) == "no class 'Plane'; known: Wagon, Person, Bus"


def test_a_training_does_not_go_on_with_a_poisoned_dataset(rooms, reviewed):
    for task in range(1, 11):
        reviewed(task)
    snapshot = assemble(rooms.datasets, 1)
    train = next(one for one in snapshot.items() if one.side is Side.TRAIN)
    labels = snapshot.folder / "labels" / "train" / dataset_folder.label_file(train.file)
    labels.unlink()
    labels.write_text("0 nan nan 0.1 0.1\n")
    training = rooms.trainings.store.ask(1, "by hand")
    rooms.trainings.store.note(training.id, snapshot=snapshot.hash)

    line = retrain(rooms.trainings, 1)

    assert f"task {train.task}" in line
    assert "is damaged" in rooms.trainings.store.last(1)[0].error


def test_images_of_all_datasets_of_a_project_are_one_file(rooms, reviewed):
    for task in range(1, 11):
        reviewed(task)
    first = assemble(rooms.datasets, 1)
    reviewed(11)

    second = assemble(rooms.datasets, 1)

    item = next(first.items())
    inodes = {(one.folder / "images" / item.side / item.file).stat().st_ino for one in (first, second)}
    assert len(inodes) == 1


def test_ten_thousand_tasks_are_given_their_sides_in_seconds(rooms):
    rng = random.Random(0)
    seen = [
        ReviewedTask(task, f"{task % 500}" if task % 2 else None, rng.getrandbits(63), f"{task:016x}")
        for task in range(10_000)
    ]
    began = time.monotonic()

    split = rooms.datasets.splits.freeze(1, seen, share=0.2, twin_bits=4)
    again = rooms.datasets.splits.freeze(1, seen, share=0.2, twin_bits=4)

    assert time.monotonic() - began < 5
    assert split == again
    assert not split.leaks
    assert 0.15 < list(split.sides.values()).count(Side.HELD_OUT) / 10_000 < 0.25


def test_pictures_with_nothing_on_them_are_not_taken_for_one(rooms, reviewed, server):
    for task in range(1, 31):
        (server[0] / f"blank-{task}.png").write_bytes(picture(colour="white", form="PNG"))
        reviewed(task, image=f"blank-{task}.png")

    sides = {one.task: one.side for one in assemble(rooms.datasets, 1).items()}

    assert set(sides.values()) == set(Side)
    assert find_leaks(rooms.datasets, 1) == []
