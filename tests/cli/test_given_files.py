"""Files that people give for an export, a label config or a taxonomy: read in any encoding, or named."""

import json
from pathlib import Path

import pytest

from loop.datasets.export_file import read_export
from loop.errors import PayloadError
from loop.label_studio.tasks import read_tasks
from tests.builders import CONFIG
from tests.terminal import loop

CASES = Path(__file__).parents[1] / "cases"
TASK = {"id": 1, "data": {"image": "a.jpg"}, "annotations": []}
JSON_MIN = {"image": "a.jpg", "id": 1, "label": [], "annotator": 1, "annotation_id": 3}


@pytest.fixture(autouse=True)
def _home(tmp_path, monkeypatch):
    monkeypatch.setenv("LOOP_HOME", str(tmp_path / "home"))


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        pytest.param(b"", "an empty file", id="empty"),
        pytest.param(b"  \n", "an empty file", id="blank"),
        pytest.param(b"PK\x03\x04rest", "a ZIP archive", id="yolo-zip"),
        pytest.param(b"\x1f\x8b\x08", "gzip", id="gzip"),
        pytest.param(b"image,id,label\na.jpg,1,Car\n", "CSV", id="csv"),
        pytest.param(b"image\tid\tlabel\n", "TSV", id="tsv"),
        pytest.param(b'{"images": [], "categories": [], "annotations": []}', "COCO", id="coco"),
        pytest.param(b'{"id": 1, "data": {}, "annotations": []}', "put all of them into one list", id="one-task"),
        pytest.param(b"<!doctype html><title>Log in</title>", "a page to log in", id="html"),
        pytest.param(json.dumps([JSON_MIN]).encode(), "JSON_MIN", id="json-min"),
        pytest.param(json.dumps([{"completions": []}]).encode(), "before 1.0", id="old"),
        pytest.param(b"[" * 100_000, "the end of the file within a task", id="cut-off"),
        pytest.param(b"[" * 100_000 + b"]" * 100_000, "none of them a task", id="nested"),
    ],
)
@pytest.mark.parametrize("command", ["verdicts", "convert"])
def test_a_file_that_is_no_json_export_is_named_for_what_it_is(tmp_path, command, content, kind):
    export = tmp_path / "export"
    export.write_bytes(content)

    ended = loop("verdicts", export) if command == "verdicts" else converted(export, tmp_path)

    assert ended.code == 1
    assert f"loop: {export}: expected " in ended.err
    assert kind in ended.err


def converted(export, folder, config=None):
    (folder / "images").mkdir()
    (folder / "config.xml").write_bytes(config or CONFIG.encode())
    return loop(
        *("dataset", "convert", export, "--label-config", folder / "config.xml"),
        *("--images", folder / "images", "--out", folder / "out"),
    )


def test_label_studios_own_export_has_no_predictions_and_how_to_get_them_is_said():
    ended = loop("verdicts", CASES / "ls_default_export.json")

    assert ended.code == 1
    assert ended.out == ""
    assert "by their ids alone" in ended.err
    assert "/api/tasks/?project=ID&fields=all&page_size=1000000" in ended.err


def test_an_answer_of_the_api_is_read_as_an_export_is(tmp_path):
    answer = tmp_path / "answer.json"
    answer.write_text(json.dumps({"total_annotations": 1, "total_predictions": 0, "total": 1, "tasks": [TASK]}))

    assert list(read_export(answer)) == read_tasks([TASK])


@pytest.mark.parametrize("command", ["verdicts", "convert"])
def test_an_answer_that_is_a_page_of_the_tasks_is_refused(tmp_path, command):
    answer = tmp_path / "answer.json"
    answer.write_text(json.dumps({"total_annotations": 1, "total_predictions": 0, "total": 250, "tasks": [TASK]}))

    ended = loop("verdicts", answer) if command == "verdicts" else converted(answer, tmp_path)

    assert ended.code == 1
    assert "expected all 250 tasks" in ended.err
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("end", ["", "}}", ', "x": 1'])
def test_an_answer_that_is_cut_off_or_goes_on_is_refused(tmp_path, end):
    answer = tmp_path / "answer.json"
    answer.write_text('{"total": 1, "tasks": [{"id": 1}]' + end)

    with pytest.raises(PayloadError, match="after the end of the list"):
        list(read_export(answer))


@pytest.mark.parametrize("tasks", [[], [TASK], [{**TASK, "annotations": [{"result": [], "was_cancelled": True}]}]])
def test_an_export_without_anything_to_judge_says_what_its_tasks_lack(tmp_path, tasks):
    export = tmp_path / "export.json"
    export.write_text(json.dumps(tasks))

    ended = loop("verdicts", export)

    assert ended.code == 1
    assert f"{len(tasks)} tasks, 0 of them reviewed" in ended.err


def test_a_conversion_of_tasks_that_nobody_reviewed_says_so(tmp_path):
    export = tmp_path / "export.json"
    export.write_text(json.dumps([TASK]))

    ended = converted(export, tmp_path)

    assert ended.code == 1
    assert "1 tasks, 0 of them reviewed" in ended.err


def test_what_was_judged_and_what_was_left_out_is_counted_beside_the_verdicts():
    ended = loop("verdicts", CASES / "v_bad_then_good.json")

    assert ended.code == 0
    assert len(ended.out.splitlines()) == 1
    assert ended.err.endswith("1 tasks judged, 1 left out\n")


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-32"])
def test_an_export_is_read_in_its_encoding(tmp_path, encoding):
    export = tmp_path / "export.json"
    export.write_bytes(json.dumps([{**TASK, "data": {"image": "ü.jpg"}}], ensure_ascii=False).encode(encoding))

    (task,) = read_export(export)

    assert task.data["image"] == "ü.jpg"


LATIN = '<?xml version="1.0" encoding="iso-8859-1"?>' + CONFIG.replace("Car", "Vögel")


@pytest.mark.parametrize(
    "config",
    [
        pytest.param(CONFIG.encode("utf-16"), id="utf-16"),
        pytest.param(CONFIG.encode("utf-8-sig"), id="byte-order-mark"),
        pytest.param(LATIN.encode("latin-1"), id="declared-latin-1"),
        pytest.param(LATIN.replace("iso-8859-1", "utf-16").encode(), id="declared-wrongly"),
    ],
)
def test_a_label_config_is_read_in_its_encoding(tmp_path, config):
    export = tmp_path / "export.json"
    export.write_text(json.dumps([TASK]))

    assert "0 of them reviewed" in converted(export, tmp_path, config).err


@pytest.mark.parametrize(
    ("config", "message"),
    [
        (CONFIG.replace("Car", "Vögel").encode("latin-1"), "byte 0xf6 at position"),
        (b'<?xml version="1.0" encoding="nonsense"?><View/>', "nonsense"),
        (b'<?xml version="1.0" encoding="punycode"?><View/>', "punycode"),
        (b'<?xml version="1.0" encoding="undefined"?><View/>', "undefined"),
        (b"<View>", "config.xml: label_config: expected well-formed XML"),
    ],
)
def test_a_label_config_that_cannot_be_read_is_named(tmp_path, config, message):
    export = tmp_path / "export.json"
    export.write_text(json.dumps([TASK]))

    ended = converted(export, tmp_path, config)

    assert ended.code == 1
    assert message in ended.err


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("nodes: [{id: a}]\nnodes: []\n", "the key 'nodes' twice"),
        ("nodes: [{id: a, id: b}]\n", "the key 'id' twice"),
        ("nodes:\n\t- id: a\n", "line 2"),
        ('nodes: [{id: "\\ud800"}]\n', "text that can be stored"),
        ("nodes: 2001-99-99\n", "month must be in"),
        ("nodes: !!bool x\n", "a tag before a value of another kind"),
        ("nodes: !!int ''\n", "a tag before a value of another kind"),
        ("nodes: !!timestamp x\n", "a tag before a value of another kind"),
        ("[" * 10_000, "nested too deeply"),
        ("nodes: &a [*a]\n", "node 1"),
        ("a: &a [x]\n" + "".join(f"b{n}: &b{n} [*a, *a]\n" for n in range(3)), "one key `nodes`"),
    ],
)
def test_a_taxonomy_that_cannot_be_read_is_named_with_the_place(tmp_path, text, message):
    file = tmp_path / "taxonomy.yaml"
    file.write_text(text)

    ended = loop("taxonomy", "check", file)

    assert ended.code == 1
    assert f"loop: {file}" in ended.err
    assert message in ended.err


def test_a_taxonomy_that_multiplies_itself_is_refused_at_once(tmp_path):
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 12)]
    file = tmp_path / "taxonomy.yaml"
    file.write_text("\n".join([*lines, "nodes: *a11"]))

    assert loop("taxonomy", "check", file).code == 1
