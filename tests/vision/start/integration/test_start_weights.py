"""Start weights that cannot be had."""

import pytest

from loop.errors import UpstreamError
from loop.vision.start.start_weights import StartWeights


def test_a_failed_download_is_told_as_one_sentence(tmp_path, monkeypatch):
    def fail(file):
        raise ConnectionError("❌  Download failure for https://example.com/x.pt. Environment may be offline.")

    monkeypatch.setattr("ultralytics.utils.downloads.attempt_download_asset", fail)

    with pytest.raises(UpstreamError, match=r"yolo11n\.pt: Download failure for .* may be offline; put that file at"):
        StartWeights("yolo11n.pt", tmp_path).first()
