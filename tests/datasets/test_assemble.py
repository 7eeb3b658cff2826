"""From reviews to a dataset: real records, and real images from an HTTP server on this machine."""

import random
import threading
import time
from contextlib import closing
from dataclasses import replace

import pytest
from PIL import Image
from typer.testing import CliRunner

from loop.cli.tree import app
from loop.datasets import folder as dataset_folder
from loop.datasets.assemble import assemble, export_dataset, find_leaks
from loop.datasets.snapshots import Reason
from loop.datasets.split_store import ReviewedTask
from loop.datasets.splits import Side
from loop.datasets.survey import read_group
from loop.errors import EmptySnapshot, PayloadError
from loop.training.retrain import retrain
from loop.wiring import build
from tests.builders import CONFIG, picture, region
from tests.datasets.builders import replace_home, side_of
from tests.fakes import FakeLabelStudio
from tests.swap import swap


@pytest.mark.parametrize("count", [0, 1])
def test_too_few_reviews_are_told(rooms, reviewed, count):
    for task in range(1, count + 1):
        reviewed(task)

    with pytest.raises(EmptySnapshot, match=f"{count} usable of {count} reviewed tasks"):
        assemble(rooms.datasets, 1)
    assert find_leaks(rooms.datasets, 1) == []


def test_the_dataset_of_now_is_written_whole_into_an_empty_folder(rooms, reviewed, tmp_path):
    for task in range(1, 5):
        reviewed(task)

    exported = export_dataset(rooms.datasets, 1, tmp_path / "out")

    dataset_folder.verify(exported)
    assert exported.folder == tmp_path / "out"
    assert exported.hash == assemble(rooms.datasets, 1).hash
    with pytest.raises(PayloadError, match="new or empty"):
        export_dataset(rooms.datasets, 1, tmp_path / "out")
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []


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
    snapshot = assemble(rooms.datasets, 1)

    with closing(build(replace_home(settings, tmp_path / "other"), migrate=True)) as other:
        other.studio.projects.save(1, "Cars", CONFIG)
        for counted in reversed(rooms.reviews.store.find_counted(1).values()):
            other.reviews.store.record(counted.review, counted.data)
        again = assemble(other.datasets, 1)

    assert snapshot.hash == again.hash
    assert snapshot.folder != again.folder


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
    rooms = swap(rooms, (rooms.studio.client, FakeLabelStudio()))

    assert assemble(rooms.datasets, 1).report["left_out"] == {Reason.NO_IMAGE: [11]}


@pytest.mark.sqlite
def test_a_record_with_a_box_that_is_no_number_costs_only_its_task(rooms, reviewed):
    for task in range(1, 11):
        reviewed(task)
    box = replace(region().box, x1=float("nan"))
    reviewed(11, region(at=box))

    assert assemble(rooms.datasets, 1).report["left_out"] == {Reason.BROKEN_BOX: [11]}


def loop(settings, *arguments):
    return CliRunner().invoke(app, [*map(str, ("dataset", *arguments)), "--project", "1"], env=settings.environment())


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
