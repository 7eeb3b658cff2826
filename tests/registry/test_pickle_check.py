"""What a pickle may do before weights from elsewhere are loaded."""

import builtins
import os
import pickle
import subprocess
import zipfile

import pytest

from loop.registry.pickle_check import objections
from scripts.demo.scenes import WARM_START
from tests.vision.builders import LAYER, Running

P = b"\x80\x02"


def test_a_checkpoint_of_ultralytics_is_harmless():
    with zipfile.ZipFile(WARM_START) as file:
        pickled = file.read(next(name for name in file.namelist() if name.endswith("data.pkl")))

    assert objections(pickled) == []


def test_plain_data_is_harmless():
    data = {"epoch": 3, "names": ["a", "b"], "best": 0.5, "none": (None, True, 2**40, "text")}

    assert objections(pickle.dumps(data, 2)) == []


@pytest.mark.parametrize(
    ("pickled", "word"),
    [
        pytest.param(pickle.dumps(Running(os.system, "true"), 2), "imports posix.system", id="os-system"),
        pytest.param(pickle.dumps(Running(subprocess.Popen, ["true"]), 2), "imports commands.Popen", id="subprocess"),
        pytest.param(pickle.dumps(Running(builtins.eval, "1"), 2), "imports __builtin__.eval", id="eval"),
        pytest.param(pickle.dumps([Running(os.system, "true")], 4), "PROTO 4", id="later-protocol"),
        pytest.param(P + b"\x80\x04K\x01.", "PROTO 4", id="protocol-changed-on-the-way"),
        pytest.param(P + b"(S'true'\nios\nsystem\n.", "imports os.system", id="old-instance"),
        pytest.param(P + b"cbuiltins\ngetattr\n.", "imports builtins.getattr", id="getattr"),
        pytest.param(P + b"ctorch.storage\n_load_from_bytes\n.", "imports torch.storage", id="pickle-in-a-pickle"),
        pytest.param(P + b"ccollections\nOrderedDict.fromkeys\n.", "imports", id="attribute-of-an-allowed-name"),
        pytest.param(P + b"cultralytics.nn.modules.block\nTorchVision\n.", "imports", id="layer-that-downloads"),
        pytest.param(P + LAYER + b"}\x85R.", "calls ultralytics.nn.tasks.DetectionModel", id="constructor-of-a-layer"),
        pytest.param(P + LAYER + b"}\x85\x81.", "makes ultralytics.nn.tasks.DetectionModel", id="layer-with-arguments"),
        pytest.param(P + LAYER + b"}b.", "sets attributes of ultralytics", id="changed-class"),
        pytest.param(P + b"}K\x01" + LAYER + b"s.", "keeps ultralytics.nn.tasks.DetectionModel", id="class-as-a-value"),
        pytest.param(P + LAYER + b"q\x00h\x00\x86.", "keeps", id="class-from-the-memo"),
        pytest.param(P + LAYER + b")\x81(K\x01e.", "adds to a object", id="method-of-a-layer"),
        pytest.param(P + b"K\x01)R.", "calls a value", id="call-of-a-value"),
        pytest.param(P + b"\x82\x01.", "EXT1", id="extension"),
        pytest.param(P + b"Px\n.", "PERSID", id="persistent-id-as-text"),
        pytest.param(P + b"(q\x000h\x00.", "whole", id="mark-as-a-value"),
        pytest.param(P + b"0.", "", id="empty-stack"),
        pytest.param(P + b"h\x05.", "whole", id="nothing-in-the-memo"),
        pytest.param(P + b"K\x01", "whole", id="no-end"),
        pytest.param(b"", "whole", id="nothing"),
        pytest.param(b"\xff\xfe\x00", "whole", id="no-pickle"),
    ],
)
def test_what_rebuilding_a_detector_does_not_need_is_objected_to(pickled, word):
    (objection,) = objections(pickled)

    assert word in objection


def test_many_imports_are_not_all_named():
    pickled = pickle.dumps([Running(function, "x") for function in (os.system, eval, exec, open, print, input)], 2)

    (objection,) = objections(pickled)

    assert objection.endswith("and 1 more")
