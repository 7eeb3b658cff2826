"""Datasets from elsewhere in a real Label Studio: as reviews, as predictions, and there and back again."""

import hashlib
import json
import shutil

import pytest

from loop.datasets.assemble import assemble
from loop.label_studio.imports.tasks import IMPORTED
from loop.label_studio.label_config_edit import with_label
from tests.builders import CONFIG
from tests.imports.builders import coco_box, make_coco, make_voc, make_yolo
from tests.services import project_of, run_loop, until

pytestmark = pytest.mark.timeout(240)
CAR, PERSON = "0 0.500000 0.500000 0.200000 0.400000\n", "1 0.250000 0.250000 0.500000 0.500000\n"
EDGE = "0 0.100000 0.500000 0.200001 1.000000\n"  # sticks out by the rounding
COUNT, EMPTY = 24, 2


@pytest.fixture
def connected(api, loop_rooms, loop_settings):
    """Makes a connected project without tasks that asks for no training; returns its id."""

    def make(title):
        made = api.post("/api/projects", json={"title": title, "label_config": CONFIG}).raise_for_status().json()
        run_loop(loop_settings, "connect", "--project", str(made["id"]))
        run_loop(loop_settings, "policy", "--project", str(made["id"]), "--retrain-after", "100000")
        return made["id"]

    return make


def tasks_of(api, project_id):
    params = {"project": project_id, "fields": "all", "page_size": 100}
    return api.get("/api/tasks", params=params).raise_for_status().json()["tasks"]


def wait_for_reviews(loop_rooms, project_id, count):
    until(lambda: len(loop_rooms.reviews.store.find_counted(project_id)) == count, 30)


def import_into(loop_settings, project_id, root, form, *options):
    arguments = ("import", "--project", str(project_id), "--format", form, "--json", *options, str(root))
    return json.loads(run_loop(loop_settings, *arguments))


def images_of(root):
    """The side and the label text of each image of a YOLO dataset, by the hash of the image's file."""
    return {
        hashlib.sha256(image.read_bytes()).hexdigest(): (
            image.parent.name,
            (root / "labels" / image.parent.name / f"{image.stem}.txt").read_text(),
        )
        for image in sorted(root.glob("images/*/*"))
    }


def labels_by_image(root):
    return {name: text for name, (_, text) in images_of(root).items()}


def test_a_dataset_becomes_reviews_that_train_and_comes_back_the_same(
    api, loop_rooms, loop_settings, connected, tmp_path
):
    first, second = connected("Import"), connected("Import again")
    run_loop(loop_settings, "policy", "--project", str(first), "--tile", "32")  # exported too, and not imported
    texts = [CAR, PERSON, CAR + PERSON, EDGE]
    empty = {f"empty {number}": "" for number in range(EMPTY)}
    make_yolo(tmp_path / "own", empty | {f"image {number} ü": texts[number % 4] for number in range(COUNT - EMPTY)})

    done = import_into(loop_settings, first, tmp_path / "own", "yolo")
    again = import_into(loop_settings, first, tmp_path / "own", "yolo")
    wait_for_reviews(loop_rooms, first, COUNT)
    run_loop(loop_settings, "dataset", "export", "--project", str(first), "--out", str(tmp_path / "first"))
    import_into(loop_settings, second, tmp_path / "first", "yolo", "--keep-split")
    wait_for_reviews(loop_rooms, second, COUNT)
    run_loop(loop_settings, "dataset", "export", "--project", str(second), "--out", str(tmp_path / "second"))

    assert (done["images"], again["images"]) == ({"imported": COUNT}, {"imported before": COUNT})
    assert [len(tasks_of(api, project_id)) for project_id in (first, second)] == [COUNT, COUNT]
    assert (tmp_path / "first/tiles").is_dir()
    counted = loop_rooms.reviews.store.find_counted(first)
    assert len(counted) == COUNT
    assert all(one.review.is_imported for one in counted.values())
    assert assemble(loop_rooms.datasets, first).class_names == ("Car", "Person")
    assert labels_by_image(tmp_path / "own") == labels_by_image(tmp_path / "first")
    assert images_of(tmp_path / "first") == images_of(tmp_path / "second")
    assert loop_rooms.rates.store.read_verdicts(first) == []


def test_an_imported_review_that_a_person_edits_stays_out_of_the_rates(
    api, loop_rooms, loop_settings, connected, tmp_path
):
    project_id = connected("Import and edit")
    import_into(loop_settings, project_id, make_yolo(tmp_path, {"a": CAR}), "yolo")
    wait_for_reviews(loop_rooms, project_id, 1)
    (task,) = tasks_of(api, project_id)
    (annotation,) = task["annotations"]

    edited = {"result": [], "lead_time": 3.0}
    api.patch(f"/api/annotations/{annotation['id']}/", json=edited).raise_for_status()

    def review():
        return loop_rooms.reviews.store.find_counted(project_id)[task["id"]].review

    until(lambda: review().regions == (), 30)
    assert review().is_imported


@pytest.mark.long  # the readers have tests of their own
def test_coco_and_voc_become_reviews_and_lacking_labels_are_added(api, loop_rooms, loop_settings, connected, tmp_path):
    project_id = connected("Import of COCO")
    boxes = [
        coco_box(1, [16, 12, 32, 24]),
        coco_box(1, [0, 0, 64, 48], iscrowd=1),
        coco_box(1, [0, 0, 8, 8], category=3),
    ]
    make_coco(tmp_path / "coco", {1: ("train/a.jpg", 64, 48)}, boxes, categories=("Car", "Person", "Dog"))
    make_voc(tmp_path / "voc", "b", ("Dog", 48, 12, 16, 36, "<difficult>1</difficult>"))

    refused = run_loop(
        *(loop_settings, "import", "--project", str(project_id), "--format", "coco", str(tmp_path / "coco")), ok=False
    )
    coco = import_into(loop_settings, project_id, tmp_path / "coco", "coco", "--add-labels")
    voc = import_into(loop_settings, project_id, tmp_path / "voc", "voc")

    assert "found Dog" in refused
    assert (coco["boxes"], coco["labels_added"]) == (2, ["Dog"])
    assert coco["notes"] == {"left out: a crowd, not one object": 1}
    assert (voc["boxes"], sum(voc["notes"].values())) == (1, 2)
    assert project_of(api, project_id)["label_config"] == with_label(CONFIG, "Dog").strip()
    wait_for_reviews(loop_rooms, project_id, 2)
    labels = [
        [region.label for region in one.review.regions]
        for one in loop_rooms.reviews.store.find_counted(project_id).values()
    ]
    assert labels == [["Car", "Dog"], ["Dog"]]


def test_a_dataset_becomes_predictions_that_a_review_is_judged_by(api, loop_rooms, loop_settings, connected, tmp_path):
    project_id = connected("Import of predictions")
    make_yolo(tmp_path, {"a": f"{CAR[:-1]} 0.75\n", "b": PERSON})

    done = import_into(loop_settings, project_id, tmp_path, "yolo", "--as", "predictions")
    again = import_into(loop_settings, project_id, tmp_path, "yolo", "--as", "predictions")
    tasks = tasks_of(api, project_id)
    (prediction,) = [one for one in tasks[0]["predictions"] if one["model_version"] == IMPORTED]
    served = api.get(f"/api/projects/{project_id}/next").raise_for_status().json()
    review = {"result": prediction["result"], "lead_time": 2.0, "parent_prediction": prediction["id"]}
    api.post(f"/api/tasks/{tasks[0]['id']}/annotations/", json=review).raise_for_status()

    assert (done["images"], again["images"]) == ({"imported": 2}, {"imported before": 2})
    assert all(not task["annotations"] for task in tasks)
    assert project_of(api, project_id)["model_version"] == IMPORTED
    assert {one["model_version"] for one in served["predictions"]} == {IMPORTED}
    (verdict,) = until(lambda: loop_rooms.rates.store.read_verdicts(project_id), 30)
    assert (verdict.version, verdict.decision.value) == (IMPORTED, "confirmed")


def test_images_of_a_storage_get_their_labels_by_name_and_class_names_are_mapped(
    api, loop_rooms, loop_settings, connected, local_files, tmp_path
):
    project_id = connected("Labels for a storage")
    make_yolo(tmp_path, {"a": CAR}, names="names: [auto, Person]\n")
    make_yolo(tmp_path, {"a": PERSON}, names=None, side="val")
    folder = shutil.copytree(tmp_path / "images", local_files / "labelled elsewhere")
    for side in ("train", "val"):
        storage = {"project": project_id, "path": str(folder / side), "use_blob_urls": True}
        made = api.post("/api/storages/localfiles", json=storage).raise_for_status().json()
        api.post(f"/api/storages/localfiles/{made['id']}/sync").raise_for_status()

    how = ("yolo", "--find", "--map", "auto=Car")
    done, again = (import_into(loop_settings, project_id, tmp_path, *how) for _ in range(2))
    wait_for_reviews(loop_rooms, project_id, 2)

    assert (done["images"], again["images"]) == ({"imported": 2}, {"imported before": 2})
    labels = {
        task["data"]["image"].rpartition("/")[0].rpartition("/")[2]: [
            region["value"]["rectanglelabels"] for each in task["annotations"] for region in each["result"]
        ]
        for task in tasks_of(api, project_id)
    }
    assert labels == {"train": [["Car"]], "val": [["Person"]]}
    assert all(one.review.is_imported for one in loop_rooms.reviews.store.find_counted(project_id).values())


@pytest.mark.long  # a model of Label Studio has the cases in `test_import_dataset.py`
def test_an_import_in_parts_makes_each_task_once(api, loop_rooms, loop_settings, connected, tmp_path):
    project_id = connected("Import in parts")
    make_yolo(tmp_path / "part", {f"{number}": CAR for number in range(3)})
    shutil.copytree(tmp_path / "part", tmp_path / "whole")
    make_yolo(tmp_path / "whole", {f"{number}": CAR for number in range(3, 5)}, side="val")
    (tmp_path / "whole/images/val/3.jpg").write_bytes(b"none")

    import_into(loop_settings, project_id, tmp_path / "part", "yolo")
    done = import_into(loop_settings, project_id, tmp_path / "whole", "yolo")

    assert done["images"] == {"imported before": 3, "imported": 1, "left out: the image cannot be read": 1}
    assert [item["image"] for item in done["left_out"]] == ["images/val/3.jpg"]
    assert len(tasks_of(api, project_id)) == 4


@pytest.mark.long
def test_more_than_a_thousand_uploads_are_imported_listed_and_synced(
    api, loop_rooms, loop_settings, connected, tmp_path
):
    project_id = connected("Import of many")
    make_yolo(tmp_path, dict.fromkeys(map(str, range(1_050)), CAR))

    done = import_into(loop_settings, project_id, tmp_path, "yolo")

    assert done["images"] == {"imported": 1_050}
    assert len(loop_rooms.studio.client.task_ids(project_id)) == 1_050
    wait_for_reviews(loop_rooms, project_id, 1_050)
