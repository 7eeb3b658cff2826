import shutil
from functools import partial

import pytest
from PIL import Image

from loop.cli.data.imports import _count_imported, _show_imported
from loop.datasets.split_store import ReviewedTask
from loop.datasets.splits import Side
from loop.errors import PayloadError
from loop.imports.class_names import ClassNaming
from loop.imports.foreign import BoxNote
from loop.imports.formats import DatasetFormat, look_through
from loop.imports.import_dataset import plan_import
from loop.imports.outcome import ImageNote
from loop.label_studio.imports.tasks import MOST_FILES, LabelKind
from loop.label_studio.label_config import parse
from loop.label_studio.payloads import IMPORT_MARK
from loop.reviews.judging import judge_tasks
from loop.reviews.sync import sync
from tests.builders import CONFIG, region, review, served
from tests.fakes import Killed
from tests.imports.builders import CAR, PERSON, coco_box, make_coco, make_yolo, run, write


def notes(images):
    return {image.name.rpartition("/")[2].partition(".")[0]: image.note for image in images}


def test_labels_become_reviews_that_train_and_are_in_no_rate(importing, studio, tmp_path):
    make_yolo(tmp_path, {"a": CAR + PERSON, "b": ""})

    done = run(importing, tmp_path)
    sync(importing.reviews, 1)

    assert [(image.note, image.boxes) for image in done] == [(ImageNote.IMPORTED, 2), (ImageNote.IMPORTED, 0)]
    counted = importing.reviews.store.find_counted(1)
    assert [one.label for one in counted[1].review.regions] == ["Car", "Person"]
    assert counted[2].review.regions == ()
    assert all(one.review.is_imported and one.review.is_complete for one in counted.values())


def test_an_import_names_the_retired_classes_that_its_boxes_have(importing, studio, tmp_path, capsys):
    make_yolo(tmp_path, {"a": CAR + PERSON})
    importing.studio.classes.retire(1, "Car")
    found = look_through(tmp_path, DatasetFormat.YOLO)

    classes = plan_import(importing.reviews, 1, found, ClassNaming({}))
    _show_imported([], classes)

    assert _count_imported([], classes)["labels_retired"] == ("Car",)
    assert "retired: no version learns from its boxes" in " ".join(capsys.readouterr().out.split())


def test_a_review_that_was_imported_is_not_judged_though_its_task_was_predicted(rooms):
    predicted = served(region("p", "Car"), task=1)
    for task, is_imported in ((1, True), (2, False)):
        rooms.serving.predictions.append([served(region("p", "Car"), task=task)])
        made = review(region("x", "Car"), annotation=10 + task, task=task, is_imported=is_imported)
        rooms.reviews.store.record(made, {"image": predicted.image})

    judge_tasks(rooms.reviews, 1, [1, 2])

    assert {verdict.task_id for verdict in rooms.rates.store.read_verdicts(1)} == {2}
    assert set(rooms.reviews.store.find_counted(1)) == {1, 2}


def test_an_imported_annotation_has_a_mark_and_the_regions_of_the_control(importing, studio, tmp_path):
    make_yolo(tmp_path, {"a": CAR})

    run(importing, tmp_path)

    (task,) = studio.tasks
    (annotation,) = task["annotations"]
    (item,) = annotation["result"]
    assert annotation["import_id"] == IMPORT_MARK
    assert annotation["ground_truth"] is False
    assert (item["from_name"], item["value"]["rectanglelabels"]) == ("label", ["Car"])
    assert (item["original_width"], item["original_height"]) == (64, 48)


def test_done_twice_changes_nothing(importing, studio, tmp_path):
    make_yolo(tmp_path, {"a": CAR, "b": PERSON, "c": None})

    run(importing, tmp_path)
    before = len(studio.tasks), len(studio.files)
    again = run(importing, tmp_path)

    assert {image.note for image in again} == {ImageNote.KNOWN}
    assert (len(studio.tasks), len(studio.files)) == before == (3, 3)


def test_a_dataset_that_was_moved_is_the_same(importing, studio, tmp_path):
    make_yolo(tmp_path / "here", {"a": CAR})
    run(importing, tmp_path / "here")
    shutil.copytree(tmp_path / "here", tmp_path / "there/deep")

    again = run(importing, tmp_path / "there/deep")

    assert {image.note for image in again} == {ImageNote.KNOWN}


def test_a_killed_import_goes_on_where_it_stopped(importing, studio, tmp_path):
    make_yolo(tmp_path, {f"{number:03}": CAR for number in range(MOST_FILES + 3)})
    studio.survives = 1

    with pytest.raises(Killed):
        run(importing, tmp_path)
    studio.survives = 10
    done = run(importing, tmp_path)

    assert [image.note for image in done] == [ImageNote.KNOWN] * MOST_FILES + [ImageNote.IMPORTED] * 3
    assert studio.batches == [MOST_FILES, 3]


def test_images_that_are_twice_missing_broken_or_changed_are_left_out_and_named(importing, studio, tmp_path):
    make_yolo(tmp_path, {"a": CAR, "b": PERSON, "d": CAR, "e": CAR})
    run(importing, tmp_path)
    make_yolo(tmp_path, {"b": CAR, "broken": CAR, "gone": CAR, "new": CAR})
    shutil.copy(tmp_path / "images/train/a.jpg", tmp_path / "images/train/c.jpg")
    write(tmp_path / "images/train/broken.jpg", b"\xff\xd8\xff none")
    (tmp_path / "images/train/gone.jpg").unlink()

    done = run(importing, tmp_path)

    assert notes(done) == {
        "a": ImageNote.KNOWN,
        "b": ImageNote.CHANGED,
        "broken": ImageNote.BROKEN,
        "c": ImageNote.TWICE,
        "d": ImageNote.KNOWN,
        "e": ImageNote.KNOWN,
        "gone": ImageNote.NO_FILE,
        "new": ImageNote.IMPORTED,
    }
    assert all(image.why for image in done if image.note is not ImageNote.IMPORTED)


def test_an_image_whose_labels_are_not_read_whole_is_no_review_but_may_be_a_prediction(importing, studio, tmp_path):
    make_yolo(tmp_path, {"a": f"{CAR}7 0.5 0.5 0.2 0.4\n", "b": CAR})

    reviews = run(importing, tmp_path)
    predictions = run(importing, tmp_path, kind=LabelKind.PREDICTIONS)

    assert notes(reviews) == {"a": ImageNote.UNREAD, "b": ImageNote.IMPORTED}
    assert "line 2" in reviews[0].why
    assert notes(predictions)["a"] is ImageNote.IMPORTED


def test_an_image_on_which_no_box_has_an_extent_is_no_image_without_objects(importing, studio, tmp_path):
    make_yolo(tmp_path, {"a": "0 0.5 0.5 0 0.2\n", "b": f"{CAR}0 0.5 0.5 0 0.2\n"})

    reviews = run(importing, tmp_path)

    assert notes(reviews) == {"a": ImageNote.UNREAD, "b": ImageNote.IMPORTED}
    assert "extent" in reviews[0].why
    assert len(studio.tasks) == 1


def test_an_image_with_labels_in_two_files_is_no_review_of_half_of_its_objects(importing, studio, tmp_path):
    for category, name in ((1, "cars"), (2, "people")):
        images = {1: ("both.jpg", 64, 48), category + 1: (f"{name}.jpg", 64, 48)}
        boxes = [coco_box(number, [1, 1, 10 * category, 20], category=category) for number in images]
        make_coco(tmp_path, images, boxes, file=f"{name}.json")

    reviews = run(importing, tmp_path, form=DatasetFormat.COCO)

    assert notes(reviews) == {"both": ImageNote.UNREAD, "cars": ImageNote.IMPORTED, "people": ImageNote.IMPORTED}
    assert "several places" in reviews[0].why


def test_an_image_with_the_same_labels_in_two_files_is_imported_once(importing, studio, tmp_path):
    for file in ("all.json", "val.json"):
        make_coco(tmp_path, {1: ("a.jpg", 64, 48)}, [coco_box(1, [1, 1, 10, 20])], file=file)

    reviews = run(importing, tmp_path, form=DatasetFormat.COCO)

    assert [image.note for image in reviews] == [ImageNote.IMPORTED, ImageNote.TWICE]


def test_boxes_of_a_class_without_a_label_are_left_out_on_request_and_counted(importing, studio, tmp_path):
    make_yolo(tmp_path, {"a": f"{CAR}2 0.5 0.5 0.2 0.4\n"}, names="names: [Car, Person, dog]\n")

    with pytest.raises(PayloadError, match="dog"):
        run(importing, tmp_path)
    assert studio.files == []
    (image,) = run(importing, tmp_path, skips=True)

    assert (image.boxes, image.notes) == (1, {BoxNote.UNWANTED: 1})


def test_labels_that_the_config_lacks_are_added_on_request(importing, studio, tmp_path):
    make_yolo(tmp_path, {"a": "0 0.5 0.5 0.2 0.4\n"}, names="names: [dog]\n")

    run(importing, tmp_path, adds=True)

    assert parse(studio.fields["label_config"]).label_names == ("Car", "Person", "dog")
    assert importing.studio.projects.get(1).config().label_names == ("Car", "Person", "dog")
    assert studio.tasks[0]["annotations"][0]["result"][0]["value"]["rectanglelabels"] == ["dog"]


def test_a_former_name_of_a_class_is_no_new_label(importing, studio, tmp_path):
    importing.studio.classes.rename(1, "Car", "Auto")
    studio.fields["label_config"] = CONFIG.replace("Car", "Auto")
    make_yolo(tmp_path, {"a": CAR})

    run(importing, tmp_path, adds=True)

    assert parse(studio.fields["label_config"]).label_names == ("Auto", "Person")
    assert studio.tasks[0]["annotations"][0]["result"][0]["value"]["rectanglelabels"] == ["Auto"]


def test_the_split_of_a_dataset_is_kept_on_request_and_never_changed(importing, studio, tmp_path):
    splits = importing.datasets.splits
    for side in ("train", "val"):
        make_yolo(tmp_path, {f"{side} {number}": CAR for number in range(3)}, side=side)
    splits.keep_sides(1, {1: True})

    run(importing, tmp_path, keep_sides=partial(splits.keep_sides, 1))
    run(importing, tmp_path, keep_sides=partial(splits.keep_sides, 1))

    frozen = splits.freeze(1, [ReviewedTask(task, None, None, "") for task in range(1, 7)], share=0.2, twin_bits=4)
    held_out = [task for task, side in frozen.sides.items() if side is Side.HELD_OUT]
    assert held_out == [1, 4, 5, 6]


def test_a_declared_size_of_another_shape_leaves_the_image_out(importing, studio, tmp_path):
    make_coco(tmp_path, {1: ("a.jpg", 640, 640)}, [coco_box(1, [1, 2, 3, 4])])

    (image,) = run(importing, tmp_path, form=DatasetFormat.COCO)

    assert image.note is ImageNote.UNREAD


def test_an_image_that_exif_data_turn_is_imported_as_it_is_shown(importing, studio, tmp_path):
    make_yolo(tmp_path, {"a": "0 0.5 0.25 1.0 0.5\n"})
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.new("RGB", (60, 40)).save(tmp_path / "images/train/a.jpg", exif=exif)

    run(importing, tmp_path)

    (item,) = studio.tasks[0]["annotations"][0]["result"]
    assert (item["original_width"], item["original_height"]) == (40, 60)
    assert {key: item["value"][key] for key in ("x", "y", "width", "height")} == {
        "x": 0,
        "y": 0,
        "width": 100,
        "height": 50,
    }
