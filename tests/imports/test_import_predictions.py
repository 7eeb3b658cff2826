from loop.label_studio.imports.tasks import IMPORTED, LabelKind
from loop.regions import Box
from loop.registry.follow import follow
from loop.registry.store import VersionFacts
from tests.imports.builders import CAR, PERSON, make_yolo, run, sides, write


def test_labels_become_predictions_that_are_shown_logged_and_judged(importing, studio, tmp_path):
    make_yolo(tmp_path, {"a": f"{CAR[:-1]} 0.75\n{PERSON}"})

    run(importing, tmp_path, kind=LabelKind.PREDICTIONS)
    run(importing, tmp_path, kind=LabelKind.PREDICTIONS)

    (task,) = studio.tasks
    (prediction,) = task["predictions"]
    assert "annotations" not in task
    assert (prediction["model_version"], prediction["score"]) == (IMPORTED, 0.75)
    assert studio.fields["model_version"] == IMPORTED
    (logged,) = importing.serving.predictions.of_task(1, 1)
    assert [one.id for one in logged.regions] == [item["id"] for item in prediction["result"]]
    assert sides(logged.regions[1].box) == sides(Box(0, 0, 0.5, 0.5))
    assert logged.image == task["data"]["image"]


def test_predictions_of_a_killed_import_are_logged_by_the_next_one(importing, studio, tmp_path):
    make_yolo(tmp_path, {"a": CAR})
    run(importing, tmp_path, kind=LabelKind.PREDICTIONS)
    forget_predictions(importing)

    run(importing, tmp_path, kind=LabelKind.PREDICTIONS)

    assert len(importing.serving.predictions.of_task(1, 1)) == 1


def forget_predictions(rooms):
    with rooms.engine.begin() as connection:
        connection.exec_driver_sql("DELETE FROM predictions")


def test_imported_predictions_are_shown_until_a_version_that_was_trained_here_serves(importing, studio, tmp_path):
    weights = write(tmp_path / "weights.pt", b"weights")
    versions = importing.registry.versions
    versions.promote(1, versions.add(1, weights).name, "start weights")
    make_yolo(tmp_path / "dataset", {"a": CAR})

    run(importing, tmp_path / "dataset", kind=LabelKind.PREDICTIONS)
    kept = follow(importing.registry, 1)
    trained = versions.add(1, write(tmp_path / "more.pt", b"more"), VersionFacts(snapshot="abc")).name
    versions.promote(1, trained, "trained")
    followed = follow(importing.registry, 1)

    assert not kept.was_due
    assert followed.was_due
    assert studio.fields["model_version"] == trained
