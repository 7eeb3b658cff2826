"""What stands in an export beside tasks costs only itself."""

import json

import pytest

from loop.datasets.convert import to_verdicts
from loop.datasets.export_file import read_export
from loop.errors import PayloadError
from tests.builders import ls_annotation, ls_region, ls_task

BAD_ELEMENTS = [
    pytest.param("null", "expected a task, a JSON object, found None", id="null"),
    pytest.param("[1, 2]", "expected a task, a JSON object", id="list"),
    pytest.param('{"id": 9223372036854775808, "annotations": []}', "expected an id of a task", id="id-too-large"),
    pytest.param('{"id": {"a": "]"}, "annotations": []}', "expected an id of a task", id="id-an-object"),
    pytest.param('{"id": 2, "annotations": [7]}', "expected a list of annotations", id="annotation-a-number"),
    pytest.param('{"id": 2, "annotations": [{"id": 1, "created_at": [], "result": []}]}', "created_at", id="time"),
    pytest.param('{"annotator": 1, "image": "/a.jpg"}', "JSON_MIN", id="json-min"),
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
