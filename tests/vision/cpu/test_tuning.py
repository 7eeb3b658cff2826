"""The choice for a machine is read by its description; a file that cannot be read counts as none."""

import json

import pytest

from loop.policies import detectors
from loop.registry.detectors import Detectors
from loop.vision.cpu import tuning
from loop.vision.cpu.tuning import Tuning, default_tuning, read_tuning, write_tuning
from tests.vision.builders import SIDE

CHOSEN = Tuning(at_once=3, threads=3)


@pytest.fixture(scope="module")
def exported(weights, tmp_path_factory):
    """The file of an export, made once."""
    out = tmp_path_factory.mktemp("exported") / "tiny.openvino"
    Detectors("cpu", SIDE, "", out.parent).export(weights, out)
    return out


def test_each_kind_of_machine_has_a_choice_of_its_own(tmp_path, monkeypatch):
    write_tuning(tmp_path, CHOSEN)
    here = read_tuning(tmp_path)
    monkeypatch.setattr(tuning, "_find_processor", lambda: "another processor")

    elsewhere = read_tuning(tmp_path)
    write_tuning(tmp_path, Tuning(1, 1))

    assert (here, elsewhere) == (CHOSEN, default_tuning())
    assert len(json.loads((tmp_path / "tuned.json").read_text())) == 2


def test_another_number_of_threads_is_another_kind_of_machine(tmp_path, monkeypatch):
    write_tuning(tmp_path, CHOSEN)
    monkeypatch.setenv("OMP_NUM_THREADS", "7")

    assert read_tuning(tmp_path) == Tuning(7, 7)


@pytest.mark.parametrize(
    "content",
    [
        *("", "{", "[]", '{"here": 1}', '{"here": {"at_once": 2}}', '{"here": {"x": 2}}'),
        *('{"here": {"at_once": 0, "threads": 2}}', '{"here": {"at_once": null, "threads": 2}}'),
        '{"here": {"at_once": 2, "threads": "2"}}',
    ],
)
def test_a_file_without_a_choice_for_this_machine_gives_the_default(tmp_path, content, monkeypatch):
    monkeypatch.setattr(tuning, "describe_machine", lambda: "here")
    (tmp_path / "tuned.json").write_text(content)

    assert read_tuning(tmp_path) == default_tuning()


def test_the_detectors_of_an_installation_run_as_its_machine_was_tuned(settings, exported):
    settings.home.mkdir(exist_ok=True)
    write_tuning(settings.home, CHOSEN)

    assert detectors(settings).load(exported).tuning == CHOSEN
