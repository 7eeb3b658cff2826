"""Files of operations, in every encoding and form that programs write."""

import json

import pytest

from loop.errors import PayloadError
from loop.reviews.bulk.file import look_through

OPERATIONS = [{"operation": "skip", "task": number, "note": "é"} for number in (1, 2, 3)]
LINES = "\n".join(json.dumps(one, ensure_ascii=False) for one in OPERATIONS)
WHOLE = json.dumps({"operations": OPERATIONS}, ensure_ascii=False, indent=1)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be"])
@pytest.mark.parametrize("ending", ["\n", "\r\n", "\n\n"])
@pytest.mark.parametrize("text", [LINES, LINES + "\n", WHOLE, json.dumps(OPERATIONS)])
def test_operations_are_read_whatever_the_encoding_and_the_ends_of_lines(tmp_path, text, encoding, ending):
    path = tmp_path / "operations"
    path.write_bytes(text.replace("\n", ending).encode(encoding))

    file = look_through(path)

    assert file.total == 3
    assert [operation for _, operation in file.operations()] == OPERATIONS


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(WHOLE.encode("latin-1"), id="latin-1"),
        pytest.param(LINES.encode("latin-1"), id="latin-1-lines"),
        pytest.param(b"", id="empty"),
        pytest.param(b"\xff\xfe", id="a-mark-alone"),
        pytest.param(b"[" * 100_000, id="nested"),
        pytest.param(b'<?xml version="1.0" encoding="x"?>', id="an-unknown-encoding"),
        pytest.param(b'<?xml version="1.0" encoding="idna"?>\xff', id="an-encoding-of-no-text"),
        pytest.param(b"operation,task\n1,2\n", id="csv"),
    ],
)
def test_what_is_no_file_of_operations_is_refused_by_its_name(tmp_path, content):
    (tmp_path / "operations").write_bytes(content)

    with pytest.raises(PayloadError, match="operations: expected JSON"):
        look_through(tmp_path / "operations")


def test_a_file_that_is_not_there_is_named(tmp_path):
    with pytest.raises(PayloadError, match=r"operations: expected .* found No such file"):
        look_through(tmp_path / "operations")
