"""Matches written into a prediction's result."""

import json
from copy import deepcopy

import pytest

from loop.label_studio.label_config import parse
from loop.label_studio.match_control import find_control, write_notes
from loop.label_studio.result_format import read_result
from loop.regions import Box, Region
from loop.reviews.verdicts import Decision, judge
from loop.taxonomy.result import TaskMatches
from loop.taxonomy.taxonomy import Enrichment, Mode, Node, Taxonomy, collect_enrichment
from loop.taxonomy.voting import Match
from scripts.demo.annotator import correct
from tests.builders import CONFIG, ls_region
from tests.taxonomy.builders import CHOICES, TAXONOMY, config

VERSION = "yolo_detector@1.0.0"
TREE = Taxonomy(
    (
        Node("animal", "Animal", enrichment={"kingdom": Enrichment("Animalia"), "care": Enrichment("look")}),
        Node(
            "bird",
            "Bird",
            "animal",
            labels=("Aves",),
            enrichment={"care": Enrichment("feed", Mode.APPEND), "kingdom": Enrichment("Aves")},
        ),
        Node("rock", "Rock", enrichment={"care": Enrichment("none", Mode.APPEND)}),
    )
)
BIRD = Match("bird", 0.812345)


def matched(control=TAXONOMY, taxonomy=TREE, **matches):
    return TaskMatches(matches, taxonomy, find_control(config(control)))


def written(result, *arguments, **matches):
    return matched(*arguments, **matches).write_into(result, VERSION)


def test_a_field_that_replaces_overrides_and_one_that_appends_joins():
    assert collect_enrichment(TREE, "bird") == {"kingdom": "Aves", "care": "look; feed"}
    assert collect_enrichment(TREE, "rock") == {"care": "none"}


def test_a_match_is_a_taxonomy_result_of_the_region_and_text_that_people_read():
    region = ls_region("a", score=0.5)

    first, second = written([region], a=BIRD)

    text = ["category: Animal/Bird\nkingdom: Aves\ncare: look; feed"]
    assert first == region | {"meta": {"text": text, "categories": [f"{VERSION} Animal", f"{VERSION} Bird"]}}
    assert second == {
        "id": "a",
        "from_name": "category",
        "to_name": "image",
        "type": "taxonomy",
        "original_width": 640,
        "original_height": 480,
        "image_rotation": 0,
        "value": {"x": 10.0, "y": 10.0, "width": 30.0, "height": 30.0, "rotation": 0, "taxonomy": [["ANIMAL", "av"]]},
        "meta": first["meta"],
        "score": 0.8123,
    }


def test_flat_choices_hold_one_choice():
    assert written([ls_region("a")], CHOICES, a=BIRD)[1]["value"]["choices"] == ["bird"]


def test_without_a_control_or_with_one_that_lacks_the_node_there_is_the_text_alone():
    for control, node in (("", "bird"), (TAXONOMY, "rock")):
        (only,) = written([ls_region("a")], control, a=Match(node, 0.9))

        assert only["meta"]["text"][0].startswith("category: ")


def test_it_is_written_once_and_goes_without_a_trace():
    result = [ls_region("a"), {"type": "choices", "id": "z", "from_name": "category", "value": {}}, ls_region("b")]
    before = deepcopy(result)

    once = written(result, a=BIRD, b=Match("animal", 0.5), gone=BIRD)

    assert result == before
    assert written(once, a=BIRD, b=Match("animal", 0.5)) == once
    assert json.dumps(written(once)) == json.dumps(before)
    assert json.dumps(written(once, a=Match(None, 0.1), b=Match("no-such-node", 0.9))) == json.dumps(before)
    assert written(written(once, a=Match("animal", 0.9)), a=BIRD, b=Match("animal", 0.5)) == once


def test_a_match_of_a_control_that_the_config_had_before_goes():
    once = written([ls_region("a")], a=BIRD)

    again = written(once, TAXONOMY.replace('"category"', '"renamed"'), a=BIRD)

    assert [one["from_name"] for one in again] == ["label", "renamed"]


def test_what_the_control_says_of_our_region_is_ours_whoever_wrote_it():
    theirs = {"id": "a", "type": "taxonomy", "from_name": "category", "value": {"taxonomy": [["ANIMAL"]]}}
    elsewhere = theirs | {"id": "drawn"}

    assert written([ls_region("a"), theirs, elsewhere]) == [ls_region("a"), elsewhere]


def test_what_others_wrote_beside_the_region_stays():
    theirs = {"text": ["look here"], "lead": 3}
    note = {"id": "a", "type": "choices", "from_name": "quality", "to_name": "image", "value": {"choices": ["good"]}}
    result = [ls_region("a", meta=theirs), note]

    once = written(result, a=BIRD)

    assert once[0]["meta"]["text"][0] == "look here"
    assert once[0]["meta"]["text"][1].startswith("category: ")
    assert once[-1] == note
    assert json.dumps(written(once)) == json.dumps(result)


def test_a_line_break_in_a_field_makes_no_line_of_its_own():
    tree = Taxonomy((Node("a", "A", enrichment={"note": Enrichment("one\ntwo")}),))

    assert written([ls_region("a")], "", tree, a=Match("a", 1.0))[0]["meta"]["text"] == ["category: A\nnote: one two"]


@pytest.mark.parametrize("odd", [{"type": "taxonomy"}, {}, {"type": "rectanglelabels", "id": "a", "value": None}])
def test_results_that_cannot_be_read_are_left_alone(odd):
    assert written([odd], a=BIRD) == [odd]


def test_the_played_annotator_moves_a_match_along_with_its_region_and_deletes_both():
    result = written([ls_region("a", label="Bird"), ls_region("b", label="Bird", x=70.0, width=20.0)], a=BIRD, b=BIRD)

    left = correct(result, [("Cow", Box(0.1, 0.1, 0.35, 0.4))], (640, 480))

    assert [(one["id"], one["type"]) for one in left] == [("a", "rectanglelabels"), ("a", "taxonomy")]
    assert left[0]["value"]["width"] == left[1]["value"]["width"] == pytest.approx(25.0)
    assert {one["origin"] for one in left} == {"prediction-changed"}


def test_a_review_that_accepts_a_matched_region_confirms_it():
    result = written([ls_region("a", label="Bird")], a=BIRD)
    reviewed = [{**one, "origin": "prediction-changed"} for one in result]  # as the editor says of another category

    config = parse(CONFIG.replace('"Car"', '"Bird"'))
    predicted, left = (read_result(one, config, "here").regions for one in (result, reviewed))
    (verdict,) = judge(predicted, left)

    assert verdict.decision is Decision.CONFIRMED
    assert isinstance(verdict.reviewed, Region)


def test_a_note_stays_beside_a_match_and_is_not_written_twice():
    noted = write_notes([ls_region("a")], {"a": "less sure: Person 0.29"})

    once = written(noted, a=BIRD)

    assert once[0]["meta"]["text"] == [
        "less sure: Person 0.29",
        "category: Animal/Bird\nkingdom: Aves\ncare: look; feed",
    ]
    assert written(once, a=BIRD) == once
    assert written(once)[0]["meta"] == {"text": ["less sure: Person 0.29"]}
