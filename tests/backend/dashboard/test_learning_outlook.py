"""What more labelled images may bring, on the page of the learning curve."""

from dataclasses import replace

from tests.backend.builders import client_of
from tests.backend.dashboard.builders import PAGE, PROJECT, fill_versions


def test_the_curve_says_what_more_labelled_images_may_bring(filled, tmp_path):
    reports = filled.extensions["rooms"].gate.reports
    fill_versions(filled.extensions["rooms"], tmp_path, 4)
    report = reports.read(PROJECT, "yolo_detector@2.3.0")
    change = replace(report.comparison.overall, champion=0.3, candidate=0.4, low=0.06, high=0.14)
    reports.write(replace(report, comparison=replace(report.comparison, overall=change)))
    before = reports.read(PROJECT, "yolo_detector@2.2.0")
    reports.write(replace(before, champion=replace(before.champion, name="elsewhere@1.0.0")))

    text = client_of(filled).get(f"/loop/projects/{PROJECT}/learning/", headers=PAGE).text

    assert "Labelled images 141 to 185 brought +0.100 (+0.060 to +0.140) mAP50-95; 50 more like them may bring" in text
