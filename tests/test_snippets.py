"""The snippets of the docs: Python runs, JSON and YAML can be read, XML is a label config or a part of one."""

import json
import re
from pathlib import Path

import pytest
import yaml
from defusedxml.ElementTree import fromstring

PAGES = [Path("README.md"), Path("CONTRIBUTING.md"), *sorted(Path("docs").glob("*.md"))]
FENCE = re.compile(r"^( *)```(\w+)\n(.*?)^\1```", re.MULTILINE | re.DOTALL)


def run_python(text):
    exec(compile(text, "a snippet of the docs", "exec"), {})  # noqa: S102 (our own page)


READERS = {"python": run_python, "json": json.loads, "yaml": yaml.safe_load, "xml": fromstring}
UNREAD = {"console", "text", "sh", "bash"}  # `loop …` in them is checked by tests/test_docs.py
SNIPPETS = [
    pytest.param(kind, re.sub(f"^{indent}", "", text, flags=re.MULTILINE), id=f"{page.name}-{number}")
    for page in PAGES
    for number, (indent, kind, text) in enumerate(FENCE.findall(page.read_text()), start=1)
    if kind not in UNREAD
]


@pytest.mark.parametrize(("kind", "text"), SNIPPETS)
def test_it_is_what_it_claims_to_be(kind, text):
    READERS[kind](text)


def test_the_docs_have_snippets():
    assert {snippet.values[0] for snippet in SNIPPETS} >= {"python", "json", "yaml"}
