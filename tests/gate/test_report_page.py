"""The page of a comparison."""

import io
import json
import re
from datetime import UTC, datetime
from html.parser import HTMLParser

import pytest
from PIL import Image

from loop.gate.comparison import Latency, contrast
from loop.gate.report import ComparedVersion, GateReport, Picture, as_json, list_boxes, list_broken, list_fixed
from loop.gate.report_page import make_page
from loop.gate.rule import GateOutcome, GatePolicy, Ruling, rule
from loop.regions import Box
from loop.vision.image_files import THUMBNAIL, make_thumbnail
from scripts.bench.harmed_evaluations import harm
from tests.builders import picture
from tests.gate.builders import evaluation

CLASSES = ("Bird", "<b>Cattle</b>", "Fish & chips")
CHAMPION = evaluation(30, CLASSES)
CANDIDATE = harm(CHAMPION, 0.3, seed=1)


def report(champion=CHAMPION, candidate=CANDIDATE, **more):
    comparison = contrast(champion, candidate, known=champion.images[:20], latency=Latency(10.0, 11.0))
    jpeg = picture()
    pictures = []
    for mistakes in [*list_fixed(comparison.mistakes)[:2], *list_broken(comparison.mistakes)[:2]]:
        truth, before = list_boxes(champion, mistakes.image, champion.shown(0.25))
        _, after = list_boxes(candidate, mistakes.image, candidate.shown(0.25))
        pictures.append(Picture(mistakes, jpeg, 64, 48, truth, before, after))
    made = {
        "project_id": 1,
        "champion": ComparedVersion("yolo_detector@1.0.0", "a" * 64, "5" * 64),
        "candidate": ComparedVersion("yolo_detector@1.1.0", "b" * 64, "6" * 64),
        "snapshot": "6" * 64,
        "made_at": datetime(2026, 1, 1, tzinfo=UTC),
        "threshold": 0.25,
        "policy": GatePolicy(),
        "comparison": comparison,
        "ruling": rule(comparison, GatePolicy()),
        "pictures": tuple(pictures),
    }
    return GateReport(**{**made, **more})


class Reader(HTMLParser):
    """Checks that every element is closed, and gathers where the page points to."""

    def __init__(self):
        super().__init__()
        self.open, self.pointers = [], []

    def handle_starttag(self, tag, attributes):
        self.pointers += [value for name, value in attributes if name in ("src", "href")]
        if tag not in ("meta", "line", "circle", "image", "use"):
            self.open.append(tag)

    def handle_startendtag(self, tag, attributes):
        self.pointers += [value for name, value in attributes if name in ("src", "href")]

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


def test_the_page_is_whole_and_needs_nothing_from_outside():
    reader = Reader()

    reader.feed(make_page(report()))

    assert reader.open == []
    assert reader.pointers
    assert all(pointer.startswith(("data:image/jpeg;base64,", "#image-")) for pointer in reader.pointers)
    assert not re.search(r"https?:|@import|url\(|<script", make_page(report()))


def test_names_of_classes_cannot_change_the_page():
    html = make_page(report())

    assert "<b>Cattle" not in html
    assert "&lt;b&gt;Cattle&lt;/b&gt;" in html
    assert "Fish &amp; chips" in html


@pytest.mark.parametrize("outcome", GateOutcome)
def test_the_page_says_what_was_decided_and_why(outcome):
    html = make_page(report(ruling=Ruling(outcome, ("first reason", "second reason"))))

    assert outcome.value.capitalize() in html
    assert "<li>First reason.</li><li>Second reason.</li>" in html


def test_a_comparison_without_a_ruling_says_so():
    assert ">Compared<" in make_page(report(ruling=None))


def test_a_page_without_boxes_pictures_or_latency_is_whole_too():
    nothing = CHAMPION.without_detections()
    reader = Reader()

    reader.feed(make_page(report(nothing, nothing, comparison=contrast(nothing, nothing), pictures=())))

    assert reader.open == []


def test_the_json_has_every_number_of_the_page():
    made = report()

    stored = json.loads(json.dumps(as_json(made)))

    assert stored["outcome"] == "refused"
    assert [part["name"] for part in stored["classes"]] == list(CLASSES)
    assert stored["overall"]["interval"][0] < stored["overall"]["lead"] < stored["overall"]["interval"][1]
    assert stored["measured_before_the_champion_was_made"]["images"] == 20
    assert stored["latency_ms"] == {"champion": 10.0, "candidate": 11.0, "ratio": 1.1}
    assert len(stored["broken"]) == len(list_broken(made.comparison.mistakes))


def test_the_boxes_of_a_picture_are_those_shown_and_the_true_ones():
    truth, shown = list_boxes(CHAMPION, CHAMPION.images[3], CHAMPION.shown(0.25))

    assert len(truth) == 3
    assert all(one.confidence >= 0.25 for one in shown)
    assert all(isinstance(one.box, Box) for one in (*truth, *shown))
    assert any(one.is_right for one in shown)


def test_a_thumbnail_is_small_upright_and_says_its_size(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned by 90 degrees
    (tmp_path / "image.jpg").write_bytes(picture((1200, 600), exif=exif))

    jpeg, width, height = make_thumbnail(tmp_path / "image.jpg")

    assert (width, height) == (THUMBNAIL // 2, THUMBNAIL)
    assert Image.open(io.BytesIO(jpeg)).size == (width, height)
