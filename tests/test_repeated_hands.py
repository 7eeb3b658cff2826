"""What every room uses: files written whole, lists of a size, numbers drawn by name."""

import pytest

from loop.draws import draw_number, draw_pair
from loop.storage.files import write_whole
from loop.storage.queries import chunked


def test_a_file_that_cannot_be_written_to_its_end_leaves_the_one_before(tmp_path):
    write_whole(b"before", tmp_path / "folder" / "file")

    with pytest.raises(TypeError):
        write_whole("no bytes", tmp_path / "folder" / "file")

    assert [path.read_bytes() for path in (tmp_path / "folder").iterdir()] == [b"before"]  # and nothing beside it


def test_a_file_is_its_owners_alone_unless_it_is_for_everybody(tmp_path):
    write_whole(b"", tmp_path / "own")
    write_whole(b"", tmp_path / "all", mode=0o644)

    assert [(tmp_path / name).stat().st_mode & 0o777 for name in ("own", "all")] == [0o600, 0o644]


@pytest.mark.parametrize(
    ("items", "lists"),
    [
        pytest.param([], [], id="nothing"),
        pytest.param("ab", [["a", "b"]], id="one-list"),
        pytest.param(range(5), [[0, 1], [2, 3], [4]], id="the-last-is-shorter"),
    ],
)
def test_what_is_long_is_cut_into_lists(items, lists):
    assert list(chunked(items, 2)) == lists


def test_a_drawn_number_stays_the_same_from_release_to_release():
    """Tasks would change sides, and leave the audit, if it did not."""
    assert draw_number("split", 1, 2) == 0.5465389990033884
    assert draw_pair("audit", 1, 2) == (0.13052991130815336, 0.45887981816415213)
