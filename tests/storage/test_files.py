"""Files that several writers write at once, or whose writer is killed."""

import threading
from concurrent.futures import ThreadPoolExecutor

from loop.storage.files import copy_whole

SIZE = 4_000_000  # bytes: a copy takes a while


def test_a_file_that_several_copy_to_at_once_is_always_a_whole_one(tmp_path):
    sources = [tmp_path / name for name in "abcd"]
    for source in sources:
        source.write_bytes(source.name.encode() * SIZE)
    target, together = tmp_path / "copies" / "weights.pt", threading.Barrier(len(sources))

    def copy(source):
        together.wait()
        for _ in range(10):
            copy_whole(source, target)
            content = target.read_bytes()
            assert content == content[:1] * SIZE

    with ThreadPoolExecutor(len(sources)) as pool:
        list(pool.map(copy, sources))

    assert [path.name for path in target.parent.iterdir()] == ["weights.pt"]
