"""What stands in an export beside tasks costs only itself."""

import json

import pytest

from loop.datasets import convert
from loop.datasets.convert import to_verdicts
from loop.datasets.export_file import read_export
from loop.errors import EmptySnapshot, PayloadError
from loop.label_studio.tasks import read_tasks
from tests.builders import CONFIG, ls_annotation, ls_region, ls_task

BAD_ELEMENTS = [
    pytest.param("null", "expected a task, a JSON object, found None", id="null"),
    pytest.param("[1, 2]", "expected a task, a JSON object", id="list"),
    pytest.param('{"id": 9223372036854775808, "annotations": []}', "expected an id of a task", id="id-too-large"),
    pytest.param('{"id": {"a": "]"}, "annotations": []}', "expected an id of a task", id="id-an-object"),
    pytest.param('{"id": 2, "annotations": [7]}', "expected a list of annotations", id="annotation-a-number"),
    pytest.param('{"id": 2, "annotations": [{"id": 1, "created_at": [], "result": []}]}', "created_at", id="time"),
    pytest.param('{"annotator": 1, "image": "/a.jpg"}', "JSON_MIN", id="json-min"),
    pytest.param(f'{{"id": 2, "meta": [{"9" * 5000}]}}', "with shorter numbers", id="number-of-too-many-digits"),
    pytest.param(
        '{"id": 2, "meta": ' + "[" * 50_000 + '"]\\"}"' + "]" * 50_000 + "}", "less deeply nested", id="nested"
    ),
]


@pytest.mark.parametrize(("bad", "reason"), BAD_ELEMENTS)
def test_an_element_of_an_export_that_is_no_task_costs_only_itself(tmp_path, monkeypatch, bad, reason):
    good = [
        json.dumps(
            ls_task(
                number,
                annotations=[ls_annotation(ls_region("p"), task=number)],
                predictions=[{"id": number, "model_version": "v", "result": [ls_region("p")]}],
            )
        )
        for number in (1, 3)
    ]
    monkeypatch.setattr("loop.datasets.export_file.CHUNK", 701)  # so that it is cut within the element
    for at, text in enumerate((f"[{good[0]},{bad},{good[1]}]", f"[{good[0]},{good[1]},{bad}]")):
        (tmp_path / f"{at}.json").write_text(text)

        judged = list(to_verdicts(tmp_path / f"{at}.json"))

        assert [one.task_id for one in judged if one.verdicts] == [1, 3]
        (left_out,) = [one for one in judged if one.left_out]
        assert reason in left_out.left_out


def test_a_list_without_a_task_is_no_export(tmp_path):
    (tmp_path / "export.json").write_text("[1, null, []]")

    with pytest.raises(PayloadError, match="none of them a task"):
        list(read_export(tmp_path / "export.json"))


@pytest.mark.parametrize(
    ("content", "error"),
    [
        pytest.param("{", PayloadError, id="no-json"),
        pytest.param('{"id": 1}', PayloadError, id="no-list"),
        pytest.param("[1]", PayloadError, id="numbers"),
        pytest.param('[{"id": 1}', PayloadError, id="no-end"),
        pytest.param('[{"id": 1} {"id": 2}]', PayloadError, id="no-comma"),
        pytest.param('[{"id": 1}] []', PayloadError, id="two-lists"),
        pytest.param('[{"id": 1},]', PayloadError, id="a-comma-too-many"),
        pytest.param('[{"id": tru}]', PayloadError, id="no-word"),
        pytest.param('[{"id": "x"}]', PayloadError, id="no-number"),
        pytest.param('[{"id": 1}, {"id": 2, "data": {"image": "\\ud8', PayloadError, id="cut-off"),
        pytest.param("", PayloadError, id="nothing"),
        pytest.param('[{"id": 1, "annotations": [{"id": 1, "created_at": "then"}]}]', EmptySnapshot, id="no-time"),
        pytest.param('[{"id": 1, "annotations": {"id": 1}}]', EmptySnapshot, id="no-annotations"),
        pytest.param("[]", EmptySnapshot, id="empty"),
    ],
)
def test_what_is_no_export_is_refused(folder, content, error):
    (folder / "export.json").write_text(content)

    with pytest.raises(error):
        convert.to_dataset(folder / "export.json", CONFIG, folder / "images", folder / "out")

    assert sorted(path.name for path in folder.iterdir()) == ["config.xml", "export.json", "images"]


def test_an_export_is_read_a_piece_at_a_time_wherever_it_is_cut(tmp_path):
    tasks = [{"id": n, "data": {"text": 'é"]},' * (n % 700), "n": -1.5e-3}, "annotations": []} for n in range(1, 3001)]
    (tmp_path / "export.json").write_text(json.dumps(tasks, indent=1, ensure_ascii=False), encoding="utf-8-sig")
    assert (tmp_path / "export.json").stat().st_size > 5 << 20

    assert list(read_export(tmp_path / "export.json")) == read_tasks(tasks)


def test_a_mistake_in_a_large_export_is_told_where_it_is_without_reading_on(tmp_path):
    (tmp_path / "export.json").write_text('[{"id": oh}, ' + '{"id": 1}, ' * 500_000)

    with pytest.raises(PayloadError, match="Expecting value: line 1 column 9"):
        list(read_export(tmp_path / "export.json"))


def test_a_task_larger_than_what_is_read_at_a_time_is_read_too(tmp_path):
    tasks = [{"id": 1, "data": {"image": "x" * (9 << 20)}}, {"data": {}}]
    (tmp_path / "export.json").write_text(json.dumps(tasks))

    assert list(read_export(tmp_path / "export.json")) == read_tasks([tasks[0], {"id": 2, "data": {}}])
