"""Exports become datasets and verdicts where there is no POSIX, as on Windows."""

import json

from tests.builders import ls_annotation, ls_region
from tests.datasets.builders import exported, prediction, write
from tests.elsewhere import loop_elsewhere


def test_an_export_becomes_a_dataset(folder):
    tasks = [exported(n, ls_annotation(ls_region("a"), annotation=n, task=n)) for n in range(1, 6)]
    export, config = write(folder, tasks), folder / "config.xml"
    arguments = ("--label-config", config, "--images", folder / "images", "--out", folder / "out")

    status, printed, said = loop_elsewhere(folder / "home", "dataset", "convert", export, *arguments)

    assert status == 0, said
    assert len(list((folder / "out").glob("labels/*/*.txt"))) == 5
    assert json.loads(printed)["hash"]


def test_an_export_becomes_verdicts(folder):
    task = exported(1, ls_annotation(ls_region("p"), parent_prediction=1), predictions=[prediction(ls_region("p"))])

    status, printed, said = loop_elsewhere(folder / "home", "verdicts", write(folder, [task]))

    assert status == 0, said
    assert json.loads(printed)["decision"] == "confirmed"
