"""The quickstart's commands run on a real Label Studio, and print what the page shows."""

import re

import pytest

from scripts import quickstart

pytestmark = [pytest.mark.long, pytest.mark.timeout(600)]


def shape(page):
    """The first words of each line of output: numbers, times and states of the moment may differ."""
    outputs = [block["output"].splitlines() for block in quickstart.BLOCK.finditer(page)]
    return [[re.sub(r"\d+", "0", line)[:14] for line in output if line.strip()] for output in outputs]


def test_the_page_shows_what_the_commands_print():
    page = quickstart.PAGE.read_text()

    assert len(shape(page)) == 3
    assert shape(quickstart.play(page)) == shape(page)
