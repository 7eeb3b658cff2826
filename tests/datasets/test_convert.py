"""Exports to datasets and verdicts, through the command that people use."""

import json
import random
import subprocess
import sys

import pytest
from PIL import Image

from loop.datasets import convert
from loop.datasets.convert import ConversionPolicy
from loop.errors import LabelConfigError, PayloadError
from loop.label_studio.payloads import IMPORT_MARK
from tests.builders import CONFIG, ls_annotation, ls_region, picture
from tests.datasets.builders import exported, prediction, to_dataset, write


def loop(*arguments):
    return subprocess.run(
        [sys.executable, "-m", "loop.cli.main", *map(str, arguments)], capture_output=True, text=True, check=False
    )


TASKS = [exported(n, ls_annotation(ls_region("a"), annotation=n, task=n)) for n in range(1, 13)]


def test_the_command_makes_a_dataset(folder):
    export, out = write(folder, TASKS), folder / "out"

    done = loop(
        *("dataset", "convert", export, "--label-config", folder / "config.xml"),
        *("--images", folder / "images", "--out", out),
    )

    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    assert report["images"]["train"] + report["images"]["held_out"] == 12
    labels = sorted(out.glob("labels/*/*.txt"))
    assert len(labels) == 12
    assert labels[0].read_text() == "0 0.250000 0.250000 0.300000 0.300000\n"


def test_tasks_that_nobody_completed_are_left_out_and_empty_reviews_are_negatives(folder):
    skipped = exported(3, ls_annotation(annotation=3, task=3, was_cancelled=True))
    negative = exported(4, ls_annotation(annotation=4, task=4))

    snapshot = to_dataset(folder, [*TASKS[:2], skipped, negative, exported(5)])

    texts = {path.stem[-1]: path.read_text() for path in snapshot.folder.glob("labels/*/*.txt")}
    assert sorted(texts) == ["1", "2", "4"]
    assert texts["4"] == ""


def test_of_several_reviews_ground_truth_then_the_latest_is_taken(folder):
    truth = ls_annotation(ls_region(label="Person"), annotation=1, ground_truth=True)
    later = ls_annotation(ls_region(label="Car"), annotation=2, minutes=9)

    snapshot = to_dataset(folder, [exported(1, truth, later), *TASKS[1:]])

    assert next(snapshot.folder.glob("labels/*/task-00000001.txt")).read_text().startswith("1 ")


def test_rotated_clipped_and_empty_boxes_are_counted(folder):
    rotated, outside, empty = ls_region("r"), ls_region("o", x=90), ls_region("e", width=0)
    rotated["value"]["rotation"] = 30

    snapshot = to_dataset(folder, [exported(1, ls_annotation(rotated, outside, empty)), *TASKS[1:]])

    assert sum(snapshot.report["notes"].values()) >= 3


def test_images_with_a_label_that_the_config_lacks_are_left_out_and_named(folder):
    unknown = exported(1, ls_annotation(ls_region(label="Plane"), ls_region("b")))

    snapshot = to_dataset(folder, [unknown, *TASKS[1:]])

    assert snapshot.report["left_out"] == {"a box has a label that is not in the class list": [1]}
    assert not list(snapshot.folder.glob("labels/*/task-00000001.txt"))


def test_images_are_found_by_their_path_and_never_outside_the_folder(folder):
    (folder / "images" / "sub").mkdir()
    (folder / "images" / "sub" / "1.jpg").write_bytes(picture(colour="blue"))
    (folder / "secret.jpg").write_bytes(picture())
    nested = exported(1, ls_annotation(ls_region()), image="/data/local-files/?d=sub%2F1.jpg")
    climbing = exported(2, ls_annotation(ls_region(), annotation=2, task=2), image="/data/upload/../../secret.jpg")

    snapshot = to_dataset(folder, [nested, climbing, *TASKS[2:]])

    (path,) = snapshot.folder.glob("images/*/task-00000001.jpg")
    assert path.read_bytes() == picture(colour="blue")
    assert snapshot.report["left_out"] == {"the image cannot be read": [2]}


def test_a_review_with_a_box_that_is_no_number_costs_only_its_task(folder):
    broken = exported(1, ls_annotation(ls_region(x=float("nan"))))

    snapshot = to_dataset(folder, [broken, *TASKS[1:]])

    assert snapshot.report["left_out"] == {"a box is not four finite numbers on the image": [1]}


def test_of_two_tasks_with_one_id_the_first_is_taken_and_the_other_named(folder):
    snapshot = to_dataset(folder, [*TASKS, exported(3, ls_annotation(ls_region(label="Person"), annotation=3, task=3))])

    assert snapshot.report["left_out"] == {"another task before it has its id": [3]}
    assert next(snapshot.folder.glob("labels/*/task-00000003.txt")).read_text().startswith("0 ")


def test_the_order_of_an_export_changes_nothing(folder):
    first, second = to_dataset(folder, TASKS), to_dataset(folder, TASKS[::-1], "other")

    assert first.hash == second.hash
    assert (first.folder / "items.jsonl").read_bytes() == (second.folder / "items.jsonl").read_bytes()


def sides(snapshot):
    return {one.task: one.side for one in snapshot.items()}


def test_tasks_of_one_group_and_copies_of_one_picture_stay_on_one_side(folder):
    rng = random.Random(0)
    for task in range(1, 13):
        pixels = bytes(rng.randrange(256) for _ in range(64))
        image = Image.frombytes("L", (8, 8), pixels).resize((64, 64))
        image.save(folder / "images" / f"{task}.jpg")
    for copy, of in ((2, 1), (9, 8)):
        (folder / "images" / f"{copy}.jpg").write_bytes((folder / "images" / f"{of}.jpg").read_bytes())
    tasks = [{**task, "data": {**task["data"], **({"day": n % 3} if n < 6 else {})}} for n, task in enumerate(TASKS)]

    for share in (0.1, 0.3, 0.5, 0.7):
        policy = ConversionPolicy(held_out_share=share, group_field="day")
        export = write(folder, tasks)
        assigned = sides(convert.to_dataset(export, CONFIG, folder / "images", folder / f"out-{share}", policy))

        groups = [{1, 4, 2, 5}, {3, 6}, {8, 9}]
        assert [len({assigned[task] for task in group}) for group in groups] == [1, 1, 1]
        assert len(set(assigned.values())) == 2


def test_a_task_without_its_image_costs_only_itself(folder):
    without = exported(1, ls_annotation(ls_region())) | {"data": {"text": "x"}}

    snapshot = to_dataset(folder, [without, *TASKS[1:]])

    assert snapshot.report["left_out"] == {"the image cannot be read": [1]}


def test_a_second_label_of_a_box_is_counted_and_gives_no_second_box(folder):
    both = ls_region()
    both["value"]["rectanglelabels"] = ["Person", "Car"]

    snapshot = to_dataset(folder, [exported(1, ls_annotation(both)), *TASKS[1:]])

    (labels,) = snapshot.folder.glob("labels/*/task-00000001.txt")
    assert labels.read_text() == "1 0.250000 0.250000 0.300000 0.300000\n"
    assert snapshot.report["notes"] == {
        "further label of a box dropped: an object has one label of a control without choice=multiple": 1
    }


def test_an_export_without_ids_and_times_is_judged_too(folder):
    bare = {
        "data": {"image": "a.jpg"},
        "annotations": [{"result": [ls_region("p")]}],
        "predictions": [{"result": [ls_region("p"), ls_region("q", x=60)], "model_version": "m"}],
    }

    (judged,) = convert.to_verdicts(write(folder, [bare]))

    assert sorted(one.decision for one in judged.verdicts) == ["confirmed", "false_positive"]


def test_a_config_without_rectangles_is_refused(folder):
    with pytest.raises(LabelConfigError):
        convert.to_dataset(write(folder, TASKS), "<View/>", folder / "images", folder / "out")


def test_a_folder_that_is_in_use_is_refused(folder):
    to_dataset(folder, TASKS)

    with pytest.raises(PayloadError, match="new or empty"):
        to_dataset(folder, TASKS)


def test_an_error_of_the_command_is_one_line(folder):
    done = loop("verdicts", folder / "config.xml")

    assert done.returncode == 1
    assert done.stderr.splitlines()[-1].startswith("loop: ")
    assert "Traceback" not in done.stderr


def test_the_command_prints_verdicts_as_json_lines(folder):
    predicted = prediction(ls_region("p"), ls_region("q", x=60))
    reviewed = ls_annotation(
        ls_region("p", label="Person", origin="prediction-changed"), ls_region("new", y=60), parent_prediction=1
    )

    done = loop("verdicts", write(folder, [exported(1, reviewed, predictions=[predicted])]))

    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert sorted(line["decision"] for line in lines) == ["corrected", "false_positive", "missed"]
    assert {line["task"] for line in lines} == {1}
    assert next(line for line in lines if line["decision"] == "missed")["predicted"] is None


def test_the_parent_prediction_is_the_one_judged(folder):
    old, new = prediction(ls_region("p")), prediction(number=2, version="yolo_detector@2.0.0")
    reviewed = ls_annotation(parent_prediction=1, minutes=5)

    (judged,) = convert.to_verdicts(write(folder, [exported(1, reviewed, predictions=[old, new])]))

    assert judged.version == "yolo_detector@1.0.0"
    assert [one.decision for one in judged.verdicts] == ["false_positive"]


def test_nothing_reviewed_or_nothing_predicted_gives_no_verdict(folder):
    reviewed, predicted = ls_annotation(ls_region()), prediction(ls_region())

    tasks = [exported(1, reviewed), exported(2, predictions=[predicted])]

    assert list(convert.to_verdicts(write(folder, tasks))) == []


def test_a_review_that_is_not_read_is_left_out_by_name_even_if_it_does_not_tell_which_prediction_was_seen(folder):
    broken = ls_annotation(ls_region("a", x=float("inf")), lead_time=60.0)

    (left_out,) = convert.to_verdicts(write(folder, [exported(1, broken, predictions=[prediction(ls_region("a"))])]))

    assert (left_out.task_id, left_out.verdicts) == (1, [])
    assert "value.x" in left_out.left_out


def test_a_review_that_was_imported_judges_nothing(folder):
    made = ls_annotation(ls_region("b"), minutes=5, import_id=IMPORT_MARK)

    assert list(convert.to_verdicts(write(folder, [exported(1, made, predictions=[prediction(ls_region("a"))])]))) == []
