"""Start weights that cannot be had."""

import httpx
import pytest

from loop.errors import UpstreamError
from loop.storage.files import is_full_disk
from loop.vision.start.start_weights import StartWeights


def test_a_failed_download_is_told_as_one_sentence(tmp_path, monkeypatch):
    def fail(*_, **__):
        raise ConnectionError("❌  Download failure for https://example.com/x.pt. Environment may be offline.")

    monkeypatch.setattr(httpx, "head", lambda *_, **__: None)
    monkeypatch.setattr("ultralytics.utils.downloads.attempt_download_asset", fail)

    with pytest.raises(UpstreamError, match=r"yolo11n\.pt: Download failure for .* may be offline; put that file at"):
        StartWeights("yolo11n.pt", tmp_path).first()


def test_a_download_that_finds_a_full_disk_is_no_lack_of_memory(tmp_path, monkeypatch):
    def fail(*_, **__):
        raise MemoryError("Insufficient free disk space 1.0 MB < 8.1 MB required")  # as ultralytics does

    monkeypatch.setattr(httpx, "head", lambda *_, **__: None)
    monkeypatch.setattr("ultralytics.utils.downloads.attempt_download_asset", fail)

    with pytest.raises(OSError, match="Insufficient free disk space") as full:
        StartWeights("yolo11n.pt", tmp_path).first()

    assert is_full_disk(full.value)


def test_a_place_that_does_not_answer_is_told_before_a_download_is_tried(tmp_path, monkeypatch):
    def be_silent(address, **options):
        assert options["timeout"] < 10
        raise httpx.ConnectTimeout("timed out")

    monkeypatch.setattr(httpx, "head", be_silent)
    monkeypatch.setattr("ultralytics.utils.downloads.attempt_download_asset", lambda *_: pytest.fail("it was tried"))

    with pytest.raises(UpstreamError, match=r"yolo11n\.pt: https://github\.com did not answer .*; put that file at"):
        StartWeights("yolo11n.pt", tmp_path).first()
