"""The order of the tests names files that are there."""

from pathlib import Path

from tests.order import LONGEST


def test_the_files_that_begin_first_are_there():
    assert [file for file in LONGEST if not Path(__file__).parent.joinpath(file).is_file()] == []
