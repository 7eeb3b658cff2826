"""The folder in memory in which the web processes count."""

from loop.installation.upkeep import counters


def test_what_a_killed_run_left_is_removed_and_the_folder_of_another_home_stays(tmp_path):
    (tmp_path / "other").mkdir()
    killed = counters.make_folder(tmp_path)
    left = killed.__enter__()
    (left / "counter_1.db").write_bytes(b"counts")

    with counters.make_folder(tmp_path / "other") as other, counters.make_folder(tmp_path) as folder:
        assert (left.exists(), other.is_dir(), folder.is_dir()) == (False, True, True)

    assert (other.exists(), folder.exists()) == (False, False)
