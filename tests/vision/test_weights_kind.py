"""Files that are no weights of a YOLO detector are named for what they are, without being loaded."""

import pickle
import tarfile
import zipfile

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loop.errors import WeightsRefused
from loop.vision.weights_kind import check_kind, diagnose_entries, diagnose_imports, diagnose_start
from tests.vision.builders import LAYER, checkpoint

LFS = b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 5613764\n"


def importing(*names):
    """A pickle that imports names and keeps them in a list."""
    lines = b"".join(b"c" + name.replace(" ", "\n").encode() + b"\n0" for name in names)
    return b"\x80\x02" + lines + b"N."


STATE_DICT = importing("collections OrderedDict", "torch._utils _rebuild_tensor_v2", "torch FloatStorage")


@pytest.mark.parametrize(
    ("content", "name", "kind"),
    [
        pytest.param(b"", "best.pt", "an empty file", id="empty"),
        pytest.param(LFS, "best.pt", "a Git LFS pointer", id="git-lfs"),
        pytest.param(b"\n<!DOCTYPE html><title>404</title>", "best.pt", "a web page", id="web-page"),
        pytest.param(b'{"message": "Not Found"}', "best.pt", "a web page, XML or JSON", id="json"),
        pytest.param(b"\x08\x09\x12\x07pytorch", "best.onnx", "exported to ONNX", id="onnx"),
        pytest.param(b"\x00\x00\x00\x01", "best.engine", "exported to TensorRT", id="tensorrt"),
        pytest.param(b"PK\x03\x04", "best.torchscript", "exported to TorchScript", id="torchscript-by-name"),
        pytest.param(b"\x1f\x8b\x08\x00", "best.pt", "an archive", id="gzip"),
        pytest.param(b"\x80\x02\x8a\nl\xfc\x9cF\xf9 j", "best.pt", "a pickle of PyTorch before 1.6", id="legacy"),
        pytest.param(b"\x00" * 600, "yolov3.weights", "exported to Darknet", id="darknet"),
        pytest.param(b"\x89PNG\r\n\x1a\n", "best.pt", "no file that torch.save writes", id="picture"),
    ],
)
def test_what_is_no_file_of_torch_is_named(tmp_path, content, name, kind):
    (tmp_path / name).write_bytes(content)

    with pytest.raises(WeightsRefused, match=kind) as refused:
        check_kind(tmp_path / name)

    assert str(tmp_path / name) in str(refused.value)


@pytest.mark.parametrize(
    ("pickled", "kind"),
    [
        pytest.param(importing("ultralytics.nn.tasks SegmentationModel"), "an instance segmentation", id="segment"),
        pytest.param(importing("ultralytics.nn.tasks PoseModel"), "a pose model", id="pose"),
        pytest.param(importing("ultralytics.nn.tasks OBBModel"), "oriented boxes", id="obb"),
        pytest.param(importing("ultralytics.nn.tasks ClassificationModel"), "a classification model", id="classify"),
        pytest.param(importing("ultralytics.nn.tasks RTDETRDetectionModel"), "an RT-DETR", id="rt-detr"),
        pytest.param(importing("ultralytics.nn.tasks YOLOEModel"), "a YOLOE, whose classes are texts", id="yoloe"),
        pytest.param(importing("models.yolo Model"), "YOLOv5 or YOLOv7", id="yolov5"),
        pytest.param(importing("models.yolo DetectionModel", "torch.nn.modules.conv Conv2d"), "YOLOv5", id="yolov5-7"),
        pytest.param(importing("super_gradients.training.models X"), "YOLO-NAS", id="yolo-nas"),
        pytest.param(importing("mmdet.models Detector"), "imports mmdet.models.Detector", id="another-package"),
        pytest.param(importing("torch.nn.modules.container Sequential"), "plain PyTorch", id="plain-torch"),
        pytest.param(STATE_DICT, "a state dict", id="state-dict"),
    ],
)
def test_a_checkpoint_of_something_else_is_named(tmp_path, pickled, kind):
    path = checkpoint(tmp_path / "best.pt", pickled)

    with pytest.raises(WeightsRefused, match=kind):
        check_kind(path)


def test_a_detector_passes(tmp_path):
    check_kind(checkpoint(tmp_path / "best.pt", b"\x80\x02" + LAYER + b"."))


def test_a_folder_is_named(tmp_path):
    with pytest.raises(WeightsRefused, match="a folder"):
        check_kind(tmp_path)


def test_a_file_that_is_not_there_is_named(tmp_path):
    with pytest.raises(WeightsRefused, match="cannot be read"):
        check_kind(tmp_path / "none.pt")


def test_a_file_that_was_cut_off_is_damaged(tmp_path):
    path = checkpoint(tmp_path / "best.pt")
    path.write_bytes(path.read_bytes()[:-30])

    with pytest.raises(WeightsRefused, match="a damaged file"):
        check_kind(path)


@pytest.mark.parametrize(
    ("entries", "kind"),
    [
        pytest.param(
            {"best/constants.pkl": b"", "best/data.pkl": b"", "best/code/x.py": b""}, "TorchScript", id="script"
        ),
        pytest.param({"run/best.pt": b"weights"}, "a zip without weights", id="zipped-weights"),
    ],
)
def test_a_zip_of_something_else_is_named(tmp_path, entries, kind):
    with zipfile.ZipFile(tmp_path / "best.pt", "w") as file:
        for name, content in entries.items():
            file.writestr(name, content)

    with pytest.raises(WeightsRefused, match=kind):
        check_kind(tmp_path / "best.pt")


@pytest.mark.parametrize("way", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_a_zip_that_torch_cannot_unpack_is_damaged(tmp_path, way):
    path = checkpoint(tmp_path / "best.pt", b"\x80\x02" + LAYER + b".", compress=way)

    with pytest.raises(WeightsRefused, match=r"a damaged file .*packed in a way"):
        check_kind(path)


def test_a_tar_that_is_not_packed_is_an_archive(tmp_path):
    (tmp_path / "best.pt").write_bytes(b"weights")
    with tarfile.open(tmp_path / "archive.pt", "w") as tar:
        tar.add(tmp_path / "best.pt", "best.pt")

    with pytest.raises(WeightsRefused, match="an archive"):
        check_kind(tmp_path / "archive.pt")


@given(st.binary(max_size=600), st.sampled_from(["best.pt", "best", "best.onnx"]))
def test_any_bytes_are_refused_or_left_to_the_zip_reader(content, name):
    assert diagnose_start(content, name) is not None or content.startswith(b"PK\x03\x04")


@given(st.lists(st.text(max_size=40), max_size=5))
def test_any_names_get_an_answer(names):
    diagnose_entries(names)
    diagnose_imports(names)


def test_what_pickles_run_is_not_run(tmp_path):
    marker = tmp_path / "it-ran"
    from tests.vision.builders import Running

    path = checkpoint(tmp_path / "best.pt", pickle.dumps(Running(marker.touch), 2))

    with pytest.raises(WeightsRefused):
        check_kind(path)

    assert not marker.exists()
