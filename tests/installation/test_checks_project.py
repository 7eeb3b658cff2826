"""What the doctor finds in a project."""

from datetime import timedelta

import pytest

from loop.installation.checks_model import boxes, weights
from loop.installation.doctor import doctor
from loop.installation.findings import Level
from loop.registry.store import VersionFacts
from tests.builders import CONFIG, region, served
from tests.fakes import FakeImages
from tests.installation.builders import unwell
from tests.swap import swap

BREAKS = {
    "another-version": (lambda it: setattr(it, "number", "1.20.0"), "label studio", "tested with"),
    "clock-off": (lambda it: setattr(it, "off", timedelta(seconds=90)), "clock", "NTP"),
    "no-backend": (lambda it: it.mls.clear(), "backend", "loop connect"),
    "backend-elsewhere": (lambda it: it.mls[0].update(url="http://old:9090"), "backend", "remove the old one"),
    "guards-on": (lambda it: it.mls[0].update(state="DI"), "backend", "ML_BLOCK_LOCAL_IP=false and SSRF_PROTECTION"),
    "setup-fails": (lambda it: it.mls[0].update(state="ER", error_message="401"), "backend", "repairs the login"),
    "no-hook": (lambda it: it.hooks.clear(), "webhook", "loop sync"),
    "hook-off": (lambda it: it.hooks[0].update(is_active=False), "webhook", "loop sync"),
    "hook-secret": (lambda it: it.hooks[0]["headers"].update({"X-Loop-Secret": "x"}), "webhook", "loop sync"),
    "hook-actions": (lambda it: it.hooks[0].update(actions=["ANNOTATION_CREATED"]), "webhook", "loop sync"),
    "automatic-hook": (lambda it: it.hooks.append({"url": it.hooks[0]["url"]}), "webhook", "loop sync"),
    "storage-failed": (
        lambda it: it.stores.append({"type": "s3", "title": "b", "status": "failed", "last_sync": "2026"}),
        *("storage", "Cloud Storage"),
    ),
    "storage-never-synced": (
        lambda it: it.stores.append({"type": "gcs", "title": "b", "status": "initialized", "last_sync": None}),
        *("storage", "Sync Storage"),
    ),
    "sampling": (lambda it: it.fields.update(sampling="Sequential sampling"), "order", "loop connect"),
    "model-version": (lambda it: it.fields.update(model_version="YOLO loop"), "order", "loop connect"),
    "predictions-hidden": (lambda it: it.fields.update(show_collab_predictions=False), "order", "loop connect"),
    "label-config": (
        lambda it: it.fields.update(label_config=CONFIG.replace("Car", "Bus")),
        *("label config", "loop sync"),
    ),
    "label-config-of-pages": (
        lambda it: it.fields.update(label_config=CONFIG.replace('value="$image"', 'valueList="$pages"')),
        *("label config", "project's settings"),
    ),
    "not-predicted": (lambda it: setattr(it, "predicted", 1), "predictions", "loop connect --project 1"),
}


@pytest.mark.parametrize(("breaks", "check", "word"), list(BREAKS.values()), ids=list(BREAKS))
def test_what_is_broken_in_label_studio_is_named_with_what_to_do(patient, breaks, check, word):
    breaks(patient.studio.client)

    findings = unwell(patient)

    assert list(findings) == [check]
    assert word in findings[check].advice
    assert findings[check].project in (1, None)


def test_local_files_that_are_not_served_are_told(patient):
    patient.studio.client.stores = [{"type": "localfiles", "title": "d", "status": "completed", "last_sync": "2026"}]
    patient.studio.client.has_local_files = False

    assert "LABEL_STUDIO_LOCAL_FILES_SERVING_ENABLED=true" in unwell(patient)["local files"].advice


def test_an_image_that_cannot_be_read_is_told_by_its_task(patient):
    findings = unwell(swap(patient, (patient.vision.images, FakeImages(broken=[2]))))

    assert findings["images"].found.startswith("task 2: ")


def test_labels_without_a_class_and_classes_without_a_label_are_told(patient, tmp_path):
    version = patient.registry.versions.add(
        1, tmp_path / "w.pt", VersionFacts(classes=("Car", "Lorry"), snapshot="abc")
    )
    patient.registry.versions.promote(1, version.name, "renamed")
    patient.studio.client.fields["model_version"] = version.name

    texts = [one.found for one in doctor(patient.installation) if one.check == "labels"]

    assert texts == ["no class for the labels Person", "no label for the classes Lorry"]


def test_classes_of_weights_from_elsewhere_need_no_label(patient, tmp_path):
    version = patient.registry.versions.add(
        1, tmp_path / "w.pt", VersionFacts(classes=("Car", "Person", "Zebra", "Bench"))
    )
    patient.registry.versions.promote(1, version.name, "from elsewhere")
    patient.studio.client.fields["model_version"] = version.name

    (finding,) = (one for one in doctor(patient.installation) if one.check == "labels")

    assert finding.level == Level.OK
    assert "2 classes of weights that were not trained here" in finding.found


def test_a_task_without_an_image_is_told(patient):
    patient.studio.client.tasks[0]["data"] = {"text": "no image"}

    assert unwell(patient)["images"].found.startswith("task 1 data.image")


def test_a_project_without_tasks_is_no_fault(patient):
    patient.studio.client.tasks = []
    patient.studio.client.fields.update(task_number=0, model_version="")

    assert unwell(patient)["order"].level == Level.UNDER_WAY


def test_without_a_version_the_advice_is_to_connect_again(rooms):
    (finding,) = weights(rooms.installation, rooms.studio.projects.get(1))

    assert "loop connect --project 1" in finding.advice
    assert "trainings need it too" in finding.advice


def test_weights_that_changed_are_told(patient):
    patient.registry.versions.champion(1).weights.write_bytes(b"other")

    assert "is damaged" in unwell(patient)["weights"].found


def test_weights_that_are_gone_are_told(patient):
    patient.registry.versions.champion(1).weights.unlink()

    assert "is not on this machine" in unwell(patient)["weights"].found


@pytest.mark.parametrize(
    ("tasks", "expected"), [(9, []), (10, ["yolo_detector@1.0.0 shows no box on any of 10 tasks"])]
)
def test_a_version_that_shows_no_box_anywhere_is_named(patient, tasks, expected):
    log, project = patient.serving.predictions, patient.studio.projects.get(1)
    log.append([served(task=100 + number) for number in range(tasks)])

    assert [finding.found for finding in boxes(patient.installation, project)] == expected
    log.append([served(region("p"), task=100)])
    assert boxes(patient.installation, project) == []
