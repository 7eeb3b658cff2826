"""The page of a comparison."""

import io
import json
import re
from html.parser import HTMLParser

import pytest
from PIL import Image

from loop.gate.comparison import contrast
from loop.gate.report import as_json, list_boxes, list_broken
from loop.gate.report_page import make_page, make_view
from loop.gate.rule import GateOutcome, Ruling
from loop.regions import Box
from loop.vision.image_files import THUMBNAIL, make_thumbnail
from tests.builders import picture
from tests.gate.builders import HOSTILE_CLASSES, REPORTED, gate_report


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

    reader.feed(make_page(gate_report()))

    assert reader.open == []
    assert reader.pointers
    assert all(pointer.startswith(("data:image/jpeg;base64,", "#image-")) for pointer in reader.pointers)
    assert not re.search(r"https?:|@import|url\(|<script", make_page(gate_report()))


def test_names_of_classes_cannot_change_the_page():
    html = make_page(gate_report())

    assert "<b>Cattle" not in html
    assert "&lt;b&gt;Cattle&lt;/b&gt;" in html
    assert "Fish &amp; chips" in html


@pytest.mark.parametrize("outcome", GateOutcome)
def test_the_page_says_what_was_decided_and_why(outcome):
    html = make_page(gate_report(ruling=Ruling(outcome, ("first reason", "second reason"))))

    assert outcome.value.capitalize() in html
    assert "<li>First reason.</li><li>Second reason.</li>" in html


def test_a_comparison_without_a_ruling_says_so():
    assert ">Compared<" in make_page(gate_report(ruling=None))


def test_a_page_without_boxes_pictures_or_latency_is_whole_too():
    nothing = REPORTED.without_detections()
    reader = Reader()

    reader.feed(make_page(gate_report(nothing, nothing, comparison=contrast(nothing, nothing), pictures=())))

    assert reader.open == []


def test_the_json_has_every_number_of_the_page():
    made = gate_report()

    stored = json.loads(json.dumps(as_json(made)))

    assert stored["outcome"] == "refused"
    assert [part["name"] for part in stored["classes"]] == list(HOSTILE_CLASSES)
    assert stored["overall"]["interval"][0] < stored["overall"]["lead"] < stored["overall"]["interval"][1]
    assert stored["measured_before_the_champion_was_made"]["images"] == 20
    assert stored["latency_ms"] == {"champion": 10.0, "candidate": 11.0, "ratio": 1.1}
    assert len(stored["broken"]) == len(list_broken(made.comparison.mistakes))
    assert stored["shown"][0].keys() == {"threshold", "right", "wrong", "missed"}


def test_the_page_counts_what_each_threshold_shows():
    made = gate_report()
    fewest = min(made.comparison.shown, key=lambda one: one.mistakes)

    rows = {row.threshold: row for row in make_view(made).shown.rows}

    assert "in force" in rows[made.threshold].tag
    assert "fewest mistakes" in rows[fewest.threshold].tag
    assert rows[0.1].wrong == made.comparison.shown[0].wrong / made.comparison.candidate.images
    assert f"<td>{rows[0.1].missed:.1f}</td>" in make_page(made)


def test_the_boxes_of_a_picture_are_those_shown_and_the_true_ones():
    truth, shown = list_boxes(REPORTED, REPORTED.images[3], REPORTED.shown(0.25))

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
