"""Stores of kinds that no test can start: what their file systems do otherwise than S3 and a folder."""

from datetime import UTC, datetime

import pytest
from fsspec.implementations.local import LocalFileSystem

from loop.storage.file_store import FileStore


@pytest.mark.parametrize("name", ["LastModified", "last_modified", "mtime"])
def test_a_listing_costs_no_request_for_each_file(tmp_path, monkeypatch, name):
    moment = datetime(2026, 1, 2, tzinfo=UTC)

    class Files:  # as of S3, Azure or Google; it answers to nothing else
        def find(self, start, *, detail):
            return {number: {"name": f"{start}/{number}", "type": "file", name: moment} for number in range(3)}

    monkeypatch.setattr("fsspec.core.url_to_fs", lambda *_, **__: (Files(), "bucket/loop"))

    listed = FileStore(tmp_path, "gs://bucket/loop").list(tmp_path / "snapshots", is_deep=True)

    assert listed == {tmp_path / f"snapshots/{number}": moment for number in range(3)}


def test_a_file_is_replaced_where_no_name_can_be_taken_from_another_file(tmp_path, monkeypatch):
    class Share(LocalFileSystem):  # as SMB, which raises, and HDFS, which says nothing
        def mv(self, path1, path2, **options):
            if not self.exists(path2):
                super().mv(path1, path2, **options)

    monkeypatch.setattr("fsspec.core.url_to_fs", lambda *_, **__: (Share(), f"{tmp_path}/share"))
    store, report = FileStore(tmp_path, "smb://host/share"), tmp_path / "report.json"
    store.write_mark("ours")

    for content in ("old", "new"):
        report.write_text(content)
        store.put(report)

    assert store.get(report, tmp_path / "got")
    assert (tmp_path / "got").read_text() == "new"
