"""A project that starts from a YOLOE or a YOLO-World: labels become classes, without a text encoder afterwards."""

import shutil

import pytest

from loop.errors import PayloadError, WeightsRefused
from loop.installation import checks_model
from loop.installation.connect import connect
from loop.installation.prompting.follow_labels import follow_labels
from loop.registry.promote import promote, roll_back
from loop.registry.transfer import add, export
from loop.settings import Settings
from loop.vision.start.text_encoder import CLIP, MOBILE_CLIP
from loop.wiring import build
from scripts.demo.scenes import WARM_START
from tests.fakes import FakeQueue
from tests.installation.fakes import Connectable
from tests.label_studio.builders import config_of
from tests.swap import swap
from tests.vision.start.builders import make_base, make_encoder

PLANS = {"yoloe-11n-seg.yaml": MOBILE_CLIP, "yolov8n-worldv2.yaml": CLIP}
LABELS = ["Car", "Hut “neu” 🎩"]


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """Make the weights of a plan in a folder of their own, with their text encoder beside them."""
    folder = tmp_path_factory.mktemp("made")

    def make(plan, target):
        if not (folder / plan.replace(".yaml", ".pt")).exists():
            make_base(folder, plan)
            make_encoder(folder, PLANS[plan])
        shutil.copytree(folder, target)
        return target / plan.replace(".yaml", ".pt")

    return make


@pytest.fixture
def prepare(tmp_path, made):
    """Build an installation with a plan's weights to start from, whose Label Studio has a project."""
    opened = []

    def prepare(plan, labels=LABELS, **more):
        base = made(plan, tmp_path / "weights")
        values = {
            "LOOP_HOME": str(tmp_path / "home"),
            "LOOP_BASE_WEIGHTS": str(base),
            "LOOP_TRAIN_WEIGHTS": str(WARM_START),
            "LOOP_DEVICE": "cpu",
            "LOOP_IMAGE_SIZE": "96",
            "LOOP_EXPORT": "none",  # exports take seconds
            "LABEL_STUDIO_API_KEY": "k",
            **more,
        }
        rooms = build(Settings.read(values), migrate=True)
        opened.append(rooms)
        return swap(rooms, (rooms.studio.client, Connectable(config_of(labels))), (rooms.queue, FakeQueue()))

    yield prepare
    for rooms in opened:
        rooms.close()


def relabel(rooms, labels):
    """Change the labels in Label Studio, and record them as the sync does."""
    rooms.studio.client.fields["label_config"] = config_of(labels)
    rooms.studio.projects.save(1, "Cars", config_of(labels))


def lose_encoder(tmp_path):
    for name in ("mobileclip_blt.ts", "ViT-B-32.pt"):
        (tmp_path / "weights" / name).unlink(missing_ok=True)


@pytest.mark.parametrize("plan", PLANS)
def test_the_labels_of_a_project_become_the_classes_of_its_first_version(prepare, plan, tmp_path):
    rooms = prepare(plan, LOOP_EXPORT="fp32")

    lines = connect(rooms.installation, 1)

    lose_encoder(tmp_path)
    version = rooms.registry.versions.champion(1)
    assert version.name == "yolo_detector@0.0.0"
    assert version.facts.classes == tuple(LABELS)
    assert version.facts.training["prompts"] == {label: [label] for label in LABELS}
    assert any("asked for Car, Hut “neu” 🎩" in line for line in lines)
    assert not any("WARNING" in line or "not suggested" in line for line in lines)
    served = rooms.registry.load(version)
    assert (served.runtime, served.detector.class_names) == ("OpenVINO", tuple(LABELS))


def test_without_the_text_encoder_nothing_is_recorded_and_its_file_is_named(prepare, tmp_path):
    rooms = prepare("yolov8n-worldv2.yaml")
    lose_encoder(tmp_path)

    with pytest.raises(WeightsRefused, match=r"base/ViT-B-32\.pt is not here .*get it once from https://openaipublic"):
        connect(rooms.installation, 1)

    assert rooms.studio.projects.all() == []
    assert rooms.studio.client.made == []


def test_a_mapping_that_cannot_be_read_is_refused_before_anything_is_recorded(prepare, tmp_path):
    (tmp_path / "prompts.yaml").write_text("- no mapping")
    rooms = prepare("yoloe-11n-seg.yaml", LOOP_PROMPTS=str(tmp_path / "prompts.yaml"))

    with pytest.raises(PayloadError, match="LOOP_PROMPTS"):
        connect(rooms.installation, 1)

    assert rooms.studio.projects.all() == []


@pytest.mark.parametrize("plan", PLANS)
def test_a_label_that_is_added_gets_a_class_and_the_way_back_is_open(prepare, plan, tmp_path):
    (tmp_path / "prompts.yaml").write_text("Rad: [bicycle, bike]")
    rooms = prepare(plan, LOOP_PROMPTS=str(tmp_path / "prompts.yaml"))
    connect(rooms.installation, 1)
    relabel(rooms, [*LABELS, "Rad"])

    line = follow_labels(rooms.installation, 1)

    lose_encoder(tmp_path)
    version = rooms.registry.versions.champion(1)
    assert line == "yolo_detector@0.0.1 has labels with a new prompt: Rad"
    assert (version.name, version.facts.classes) == ("yolo_detector@0.0.1", (*LABELS, "Rad"))
    assert version.facts.training["prompts"]["Rad"] == ["bicycle", "bike"]
    assert version.facts.parent == "yolo_detector@0.0.0"
    assert follow_labels(rooms.installation, 1) == ""
    roll_back(rooms.registry, 1, "a test")
    assert rooms.registry.load(rooms.registry.versions.champion(1)).detector.class_names == tuple(LABELS)
    follow_labels(rooms.installation, 1)
    assert rooms.registry.versions.champion(1).name == "yolo_detector@0.0.0"  # a person went back
    assert len(rooms.registry.versions.list(1)) == 2


@pytest.mark.parametrize("plan", PLANS)
def test_an_archive_of_it_comes_in_like_any_other(prepare, plan, tmp_path):
    rooms = prepare(plan)
    connect(rooms.installation, 1)
    lose_encoder(tmp_path)
    export(rooms.registry, 1, "yolo_detector@0.0.0", tmp_path / "version.tar.gz")

    version, _ = add(rooms.registry, 1, tmp_path / "version.tar.gz")

    promote(rooms.registry, 1, version.name, "a test")
    assert rooms.registry.load(version).detector.class_names == tuple(LABELS)


def test_a_label_that_is_removed_needs_nothing(prepare, tmp_path):
    rooms = prepare("yoloe-11n-seg.yaml")
    connect(rooms.installation, 1)
    relabel(rooms, LABELS[:1])

    assert follow_labels(rooms.installation, 1) == ""
    assert len(rooms.registry.versions.list(1)) == 1


def test_without_the_text_encoder_the_version_that_serves_goes_on(prepare, tmp_path):
    rooms = prepare("yolov8n-worldv2.yaml")
    connect(rooms.installation, 1)
    lose_encoder(tmp_path)
    relabel(rooms, [*LABELS, "Rad"])

    lines = connect(rooms.installation, 1)

    (warning,) = (line for line in lines if line.startswith("WARNING"))
    assert "have no class yet" in warning
    assert "ViT-B-32.pt" in warning
    (finding,) = checks_model.labels(rooms.installation, rooms.studio.projects.get(1))
    assert finding.found == "no class for the labels Rad"
    assert finding.advice.startswith("`loop connect --project 1` makes them classes, and says which file is missing")
    assert rooms.registry.versions.champion(1).name == "yolo_detector@0.0.0"


def test_other_start_weights_than_those_of_the_version_are_refused_by_name(prepare, tmp_path):
    rooms = prepare("yoloe-11n-seg.yaml")
    connect(rooms.installation, 1)
    other = make_base(tmp_path / "weights", "yoloe-11n-seg.yaml", seed=9)
    relabel(rooms, [*LABELS, "Rad"])

    with pytest.raises(WeightsRefused, match=r"not the file that yolo_detector@0\.0\.0 was made of"):
        follow_labels(rooms.installation, 1)

    assert other.exists()


def test_a_trained_version_learns_new_labels_from_reviews(prepare):
    rooms = prepare("yoloe-11n-seg.yaml", [*LABELS, "item"])
    connect(rooms.installation, 1)
    version, _ = add(rooms.registry, 1, WARM_START)
    promote(rooms.registry, 1, version.name, "trained elsewhere")
    relabel(rooms, [*LABELS, "item", "Rad"])

    assert follow_labels(rooms.installation, 1) == ""


@pytest.mark.parametrize("plan", PLANS)
def test_trainings_start_from_weights_that_can_be_trained(prepare, plan):
    rooms = prepare(plan)
    connect(rooms.installation, 1)
    weights = rooms.registry.versions.champion(1).weights

    start = rooms.registry.detectors.to_train(weights)

    assert start == (WARM_START if "world" in plan else weights)
    assert rooms.registry.detectors.base() == WARM_START


def test_start_weights_for_trainings_that_are_not_here_are_named_when_a_project_is_connected(prepare):
    rooms = prepare("yolov8n-worldv2.yaml", LOOP_TRAIN_WEIGHTS="/nowhere/mine.pt")

    lines = connect(rooms.installation, 1)

    assert any("WARNING: no training can start: LOOP_TRAIN_WEIGHTS /nowhere/mine.pt" in line for line in lines)


def test_prompted_weights_are_refused_where_they_are_given_as_a_version(prepare, tmp_path):
    rooms = prepare("yoloe-11n-seg.yaml")
    connect(rooms.installation, 1)

    with pytest.raises(WeightsRefused, match="whose classes are texts: set LOOP_BASE_WEIGHTS to it"):
        add(rooms.registry, 1, tmp_path / "weights" / "yoloe-11n-seg.pt")
