"""The page of troubleshooting begins with messages that the program says."""

import ast
import re
from pathlib import Path

import pytest

PAGE = Path("docs/troubleshooting.md").read_text()
SHOWN = re.findall(r"^\| `([^`]+)` \|", PAGE, re.MULTILINE)


def read_texts():
    """Every text of the code, in which a value stands for itself as …."""
    for path in (*Path("loop").rglob("*.py"), *Path("backend").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.JoinedStr):
                yield "".join(part.value if isinstance(part, ast.Constant) else "…" for part in node.values)
            elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                yield node.value


TEXTS = "\n".join(read_texts())


@pytest.mark.parametrize("message", SHOWN)
def test_a_message_of_the_page_is_one_of_the_code(message):
    parts = [part for part in message.split("…") if len(part.strip(" :;,")) > 5]

    assert parts
    assert [part for part in parts if part.strip() not in TEXTS] == []


def test_the_page_has_messages():
    assert len(SHOWN) > 30
