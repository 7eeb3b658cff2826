import pytest

from loop.imports.find_tasks import label_tasks
from loop.imports.outcome import ImageNote
from loop.label_studio.imports.tasks import IMPORTED, LabelKind
from loop.reviews.sync import sync
from tests.builders import ls_annotation, ls_region, ls_task
from tests.datasets.builders import photo
from tests.imports.builders import CAR, PERSON, make_yolo, run, write

OWN = {"import_id": None}


def find(rooms, root, **options):
    return {image.name: image for image in run(rooms, root, work=label_tasks, **options)}


@pytest.mark.parametrize(
    "address",
    [
        pytest.param("/data/upload/1/0a1b2c3d-a.jpg", id="upload"),
        pytest.param("/data/local-files/?d=photos/train/a.jpg", id="local-files"),
        pytest.param("s3://bucket/images/train/a.jpg", id="cloud"),
        pytest.param("https://photos.example/train/a.jpg?token=1", id="http"),
    ],
)
def test_the_task_that_shows_an_image_gets_its_labels_and_nothing_is_uploaded(importing, studio, tmp_path, address):
    studio.tasks = [ls_task(1, address), ls_task(2, "/data/upload/1/other.jpg")]
    make_yolo(tmp_path, {"a": CAR})

    done = find(importing, tmp_path)
    again = find(importing, tmp_path)
    sync(importing.reviews, 1)

    assert done["images/train/a.jpg"].note is ImageNote.IMPORTED
    assert again["images/train/a.jpg"].note is ImageNote.KNOWN
    assert studio.files == []
    (counted,) = importing.reviews.store.find_counted(1).values()
    assert counted.review.task_id == 1
    assert counted.review.is_imported


def test_of_images_of_one_name_in_different_folders_each_finds_its_own_task(importing, studio, tmp_path):
    studio.tasks = [ls_task(1, "s3://bucket/train/a.jpg"), ls_task(2, "s3://bucket/val/a.jpg")]
    make_yolo(tmp_path, {"a": CAR}, side="train")
    make_yolo(tmp_path, {"a": PERSON}, side="val")

    find(importing, tmp_path)

    labels = [task["annotations"][0]["result"][0]["value"]["rectanglelabels"] for task in studio.tasks]
    assert labels == [["Car"], ["Person"]]


def test_a_name_that_several_tasks_or_none_have_is_named(importing, studio, tmp_path):
    studio.tasks = [ls_task(1, "/data/upload/1/0a1b2c3d-a.jpg"), ls_task(2, "/data/upload/1/11111111-a.jpg")]
    make_yolo(tmp_path, {"a": CAR, "b": CAR})

    done = find(importing, tmp_path)

    assert {image.note for image in done.values()} == {ImageNote.NO_TASK}
    assert done["images/train/a.jpg"].why == "it may be any of 2 files: task 1, task 2"


def make_cameras(root, labels):
    write(root / "data.yaml", "names: [Car, Person]\n")
    for camera, text in labels.items():
        write(root / "images" / camera / "a.jpg", photo(camera))
        write(root / "labels" / camera / "a.txt", text)
    return root


@pytest.mark.parametrize(
    ("address", "own", "why"),
    [
        pytest.param("s3://bucket/cam2/a.jpg", "cam2", "task 1: it is images/cam2/a.jpg", id="its-folder-tells"),
        pytest.param("/data/upload/1/0a1b2c3d-a.jpg", None, "task 1: it may be any of 2 files", id="nothing-tells"),
    ],
)
def test_of_two_images_that_a_task_may_show_the_labels_of_the_other_are_left_out(
    importing, studio, tmp_path, address, own, why
):
    studio.tasks = [ls_task(1, address)]

    done = find(importing, make_cameras(tmp_path, {"cam1": CAR, "cam2": PERSON}))

    imported = [name for name, image in done.items() if image.note is ImageNote.IMPORTED]
    assert imported == ([f"images/{own}/a.jpg"] if own else [])
    assert done["images/cam1/a.jpg"].note is ImageNote.NO_TASK
    assert done["images/cam1/a.jpg"].why.startswith(why)


def test_the_review_of_a_person_stays(importing, studio, tmp_path):
    studio.tasks = [ls_task(1, "/data/upload/1/0a1b2c3d-a.jpg", annotations=[ls_annotation(ls_region(), **OWN)])]
    make_yolo(tmp_path, {"a": CAR})

    assert find(importing, tmp_path)["images/train/a.jpg"].note is ImageNote.REVIEWED
    assert len(studio.tasks[0]["annotations"]) == 1


def test_labels_without_image_files_find_their_tasks(importing, studio, tmp_path):
    studio.tasks = [ls_task(1, "s3://bucket/train/a.jpg")]
    write(tmp_path / "data.yaml", "names: [Car]\n")
    write(tmp_path / "labels/train/a.txt", CAR)

    (image,) = find(importing, tmp_path).values()

    (item,) = studio.tasks[0]["annotations"][0]["result"]
    assert image.note is ImageNote.IMPORTED
    assert (item["original_width"], item["original_height"]) == (64, 48)


def test_labels_that_percents_round_are_known_again(importing, studio, tmp_path):
    studio.tasks = [ls_task(number, f"s3://bucket/train/{number}.jpg") for number in range(1, 100)]
    lines = {
        f"{number}": f"0 0.{300_001 + 7 * number} 0.5 0.{200_002 + 3 * number} 0.333333\n" for number in range(1, 100)
    }
    make_yolo(tmp_path, lines)

    for kind in LabelKind:
        find(importing, tmp_path, kind=kind)
        assert {image.note for image in find(importing, tmp_path, kind=kind).values()} == {ImageNote.KNOWN}


def test_predictions_that_changed_are_left_out_and_named(importing, studio, tmp_path):
    studio.tasks = [ls_task(1, "s3://bucket/train/a.jpg")]
    find(importing, make_yolo(tmp_path, {"a": CAR}), kind=LabelKind.PREDICTIONS)

    done = find(importing, make_yolo(tmp_path, {"a": CAR + PERSON}), kind=LabelKind.PREDICTIONS)

    assert done["images/train/a.jpg"].note is ImageNote.CHANGED
    assert len(studio.tasks[0]["predictions"]) == 1


def test_the_sides_of_tasks_are_kept_before_their_reviews_and_again_after_a_kill(importing, studio, tmp_path):
    studio.tasks = [ls_task(1, "s3://bucket/val/a.jpg"), ls_task(2, "s3://bucket/train/b.jpg")]
    make_yolo(tmp_path, {"a": CAR}, side="val")
    make_yolo(tmp_path, {"b": CAR})
    kept = []

    def keep_sides(sides):
        kept.append((sides, sum(bool(task.get("annotations")) for task in studio.tasks)))

    for _ in range(2):
        find(importing, tmp_path, keep_sides=keep_sides)

    sides = {1: True, 2: False}
    assert kept == [(sides, 0), (sides, 2)]


def test_predictions_are_stored_and_logged_once(importing, studio, tmp_path):
    studio.tasks = [ls_task(1, "s3://bucket/train/a.jpg")]
    make_yolo(tmp_path, {"a": f"{CAR[:-1]} 0.75\n"})

    for _ in range(2):
        find(importing, tmp_path, kind=LabelKind.PREDICTIONS)

    (prediction,) = studio.tasks[0]["predictions"]
    (logged,) = importing.serving.predictions.of_task(1, 1)
    assert prediction["model_version"] == IMPORTED
    assert [one.id for one in logged.regions] == [item["id"] for item in prediction["result"]]
