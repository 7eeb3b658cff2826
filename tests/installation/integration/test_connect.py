"""`loop connect` with all kinds of weights to start from: what does not detect is refused, and nothing is recorded."""

import os

import pytest
import torch

from loop.errors import LoopError, PayloadError, UpstreamError, WeightsRefused
from loop.installation.connect import connect
from loop.registry.transfer import add
from loop.settings import Settings
from loop.vision.ultralytics_detector import UltralyticsDetector
from loop.vision.ultralytics_setup import prepare_ultralytics
from loop.wiring import build
from scripts.demo.scenes import WARM_START
from tests.fakes import FakeQueue
from tests.installation.fakes import Connectable
from tests.label_studio.builders import config_of
from tests.swap import swap

OTHERS = {
    "segmentation": ("yolo11n-seg.yaml", "an instance segmentation model"),
    "pose": ("yolo11n-pose.yaml", "a pose model"),
    "oriented-boxes": ("yolo11n-obb.yaml", "a model of oriented boxes"),
    "classification": ("yolo11n-cls.yaml", "a classification model"),
}


ONE_LABEL = config_of(["item"])


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """Make weights of an architecture, once."""
    prepare_ultralytics()
    from ultralytics import YOLO

    folder = tmp_path_factory.mktemp("made")

    def make(name):
        path = folder / name.replace(".yaml", ".pt")
        if not path.exists():
            YOLO(name).save(path)
        return path

    return make


@pytest.fixture
def connectable(tmp_path):
    """Build an installation with weights to start from and further settings."""
    opened = []

    def prepare(weights, label_config=ONE_LABEL, **more):
        values = {"LOOP_HOME": str(tmp_path / "home"), "LOOP_BASE_WEIGHTS": str(weights), "LOOP_DEVICE": "cpu", **more}
        rooms = build(Settings.read(values), migrate=True)
        opened.append(rooms)
        return swap(rooms, (rooms.studio.client, Connectable(label_config)), (rooms.queue, FakeQueue()))

    yield prepare
    for rooms in opened:
        rooms.close()


def assert_nothing_is_recorded(rooms):
    assert rooms.studio.projects.all() == []
    assert rooms.registry.versions.list(1) == []
    assert rooms.studio.client.made == []


@pytest.mark.parametrize(("name", "kind"), OTHERS.values(), ids=OTHERS)
def test_weights_of_another_task_are_refused_by_name(connectable, made, name, kind):
    rooms = connectable(made(name))

    with pytest.raises(WeightsRefused, match=f"LOOP_BASE_WEIGHTS .* is {kind}.*: give the .pt of a detection model"):
        connect(rooms.installation, 1)

    assert_nothing_is_recorded(rooms)


def test_a_checkpoint_with_values_that_are_not_numbers_is_refused(connectable, tmp_path):
    checkpoint = torch.load(WARM_START, map_location="cpu", weights_only=False)
    next(iter(checkpoint["model"].parameters())).data[0] = float("nan")
    torch.save(checkpoint, tmp_path / "nan.pt")
    rooms = connectable(tmp_path / "nan.pt")

    with pytest.raises(WeightsRefused, match=r"model\.0\.conv\.weight holds values that are not numbers"):
        connect(rooms.installation, 1)

    assert_nothing_is_recorded(rooms)


def test_a_network_that_is_saved_alone_is_refused(connectable, tmp_path):
    checkpoint = torch.load(WARM_START, map_location="cpu", weights_only=False)
    torch.save(checkpoint["model"].state_dict(), tmp_path / "state.pt")
    rooms = connectable(tmp_path / "state.pt")

    with pytest.raises(WeightsRefused, match="a state dict: save the whole model"):
        connect(rooms.installation, 1)

    assert_nothing_is_recorded(rooms)


def test_weights_that_are_cut_off_are_refused(connectable, tmp_path):
    (tmp_path / "half.pt").write_bytes(WARM_START.read_bytes()[:1_000_000])
    rooms = connectable(tmp_path / "half.pt")

    with pytest.raises(WeightsRefused, match=r"a damaged file .*: copy or download it again"):
        connect(rooms.installation, 1)

    assert_nothing_is_recorded(rooms)


@pytest.mark.parametrize(
    ("given", "kind"),
    [
        pytest.param("{}/none.pt", "no file on this machine", id="a-path-without-a-file"),
        pytest.param("{}", "a folder", id="a-folder"),
        pytest.param("mine.pt", "no name that ultralytics publishes", id="a-name-that-nobody-publishes"),
        pytest.param("{}/some.pth", "a file of another ending than .pt: rename it", id="another-ending"),
    ],
)
def test_weights_that_are_not_there_are_refused(connectable, tmp_path, given, kind):
    (tmp_path / "some.pth").write_bytes(WARM_START.read_bytes())
    rooms = connectable(given.format(tmp_path))

    with pytest.raises(WeightsRefused, match=kind):
        connect(rooms.installation, 1)

    assert_nothing_is_recorded(rooms)


@pytest.mark.parametrize("device", ["cuda:0", "0", "xpu", "cuda:99", "-5"])
def test_a_device_that_is_not_here_is_refused(connectable, device):
    if torch.cuda.is_available() and device in ("0", "cuda:0"):
        pytest.skip("it is here")
    rooms = connectable(WARM_START, LOOP_DEVICE=device)

    with pytest.raises(PayloadError, match="LOOP_DEVICE: expected cpu, a GPU that torch sees here") as refused:
        connect(rooms.installation, 1)

    assert repr(device) in str(refused.value) or device in str(refused.value)
    assert_nothing_is_recorded(rooms)


def test_published_weights_that_cannot_be_downloaded_leave_the_project_without_a_version(connectable, monkeypatch):
    monkeypatch.setattr("loop.vision.start.start_weights._download", _unreachable)
    rooms = connectable("yolo11x.pt")

    lines = connect(rooms.installation, 1)

    assert any("no version yet: no network" in line and "nothing is predicted or trained" in line for line in lines)
    assert [project.id for project in rooms.studio.projects.all()] == [1]


def _unreachable(target):
    raise UpstreamError("no network")


@pytest.mark.parametrize("name", ["yolov5n.pt", "it's mine.pt", "yolov3-tiny.pt", "yolov8s-world.pt"])
def test_weights_of_any_file_name_are_taken(connectable, tmp_path, name):
    (tmp_path / name).write_bytes(WARM_START.read_bytes())
    rooms = connectable(tmp_path / name)

    lines = connect(rooms.installation, 1)

    assert f"yolo_detector@0.0.0 serves: {name}, at 512 pixels" in lines


@pytest.mark.parametrize(("setting", "size"), [("", 512), ("160", 160)], ids=["as-trained", "as-set"])
def test_weights_serve_at_the_size_that_they_were_trained_at_unless_one_is_set(connectable, setting, size):
    rooms = connectable(WARM_START, LOOP_IMAGE_SIZE=setting)

    connect(rooms.installation, 1)

    version = rooms.registry.versions.champion(1)
    assert version.image_size == size
    assert rooms.registry.load(version).detector.image_size == size


def test_connected_again_nothing_changes(connectable):
    rooms = connectable(WARM_START)
    connect(rooms.installation, 1)

    assert not [
        line for line in connect(rooms.installation, 1) if "serves" in line or "recorded" in line or "suggested" in line
    ]


@pytest.mark.parametrize(
    ("labels", "words"),
    [
        pytest.param(
            ["Cat", "Dog"],
            "WARNING: nothing will be suggested before the first reviews, because no class of",
            id="none",
        ),
        pytest.param(
            ["item", "Dog"],
            "nothing is suggested for Dog before the first reviews, because no class of yolo_detector@0.0.0 fits",
            id="some",
        ),
    ],
)
def test_labels_that_nothing_suggests_are_named_with_what_to_do(connectable, labels, words):
    rooms = connectable(WARM_START, config_of(labels))

    (line,) = (line for line in connect(rooms.installation, 1) if "suggested" in line)

    assert words in line
    assert '<Label value="Vehicle" predicted_values="car,truck"/>' in line
    assert "predicted_values" in line


def test_bare_weights_are_added_as_those_in_an_archive_are(connectable, made, tmp_path):
    rooms = connectable(WARM_START)
    connect(rooms.installation, 1)

    version, _ = add(rooms.registry, 1, WARM_START)

    assert (version.facts.classes, version.image_size) == (("item",), 512)
    assert version.sha256 == rooms.registry.versions.champion(1).sha256
    for other in (made("yolo11n-seg.yaml"), tmp_path):
        with pytest.raises(LoopError, match=r"an instance segmentation model|a folder: give a \.pt"):
            add(rooms.registry, 1, other)
    assert len(rooms.registry.versions.list(1)) == 2


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_weights_that_may_not_be_read_are_refused(connectable, tmp_path):
    (tmp_path / "mine.pt").write_bytes(b"PK")
    (tmp_path / "mine.pt").chmod(0)
    rooms = connectable(tmp_path / "mine.pt")

    with pytest.raises(WeightsRefused, match="cannot be read"):
        connect(rooms.installation, 1)


def test_the_same_weights_at_two_sizes_are_two_detectors(tmp_path):
    assert UltralyticsDetector(WARM_START, device="cpu").image_size == 512
    assert UltralyticsDetector(WARM_START, device="cpu", image_size=96).image_size == 96


def test_of_a_thousand_labels_a_line_names_some(connectable):
    rooms = connectable(WARM_START, config_of([f"thing {number}" for number in range(1000)]), LOOP_EXPORT="none")

    assert max(map(len, connect(rooms.installation, 1))) < 1000
