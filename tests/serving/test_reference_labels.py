"""Labels by references: what a suggestion shows with the votes of the references, and without them again."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loop.label_studio.label_config import parse
from loop.regions import Box, Region
from loop.serving.pre_annotate import rank
from loop.serving.predict import Suggestion, region_id
from loop.serving.queue_order import Ranking
from loop.serving.reference_labels import LabelVote, list_names, list_voted, take_back
from loop.serving.reference_labels import give_labels as give_labels_of
from tests.builders import CONFIG

LEFT, RIGHT, NEARLY_LEFT = Box(0.1, 0.1, 0.3, 0.3), Box(0.6, 0.1, 0.9, 0.4), Box(0.1, 0.1, 0.3, 0.29)
CLASSES = ("Car", "dog", "bus")  # none is a person
PROJECT = parse(CONFIG)


def give_labels(suggestion, votes):
    return give_labels_of(suggestion, votes, PROJECT)


def detected(label, box, confidence):
    return Region(region_id("v@1", 7, label, box), box, label, confidence)


def suggested(*boxes, threshold=0.25):
    """The suggestion of a detector for boxes of any class."""
    regions = sorted(boxes, key=lambda region: -region.score)
    own = [region for region in regions if region.label in PROJECT.label_names]
    foreign = tuple(region for region in regions if region.label not in PROJECT.label_names)
    empty = Suggestion(7, "v@1", tuple(own), (), threshold, 0.5, size=(64, 48), foreign=foreign)
    return take_back(empty, PROJECT)


def shown(suggestion):
    return [(region.label, region.box, region.score) for region in suggestion.shown]


def test_a_box_of_a_class_that_no_label_means_is_shown_with_the_label_of_its_references():
    dog = detected("dog", LEFT, 0.4)

    labelled = give_labels(suggested(dog), {dog.id: LabelVote("Person", 0.9, (("reference", 0.95),))})

    assert shown(labelled) == [("Person", LEFT, 0.6)]  # between what the detector and the references say
    assert labelled.shown[0].source.class_name == "dog"
    assert labelled.shown[0].source.confidence == 0.4
    assert labelled.shown[0].source.voters == (("reference", 0.95),)
    assert labelled.foreign == ()
    (ranked,) = rank(Ranking(), 1, [labelled])
    assert ranked.score == pytest.approx(0.6)


def test_without_votes_a_suggestion_is_what_the_detector_made_it():
    suggestion = suggested(detected("Car", LEFT, 0.9), detected("dog", RIGHT, 0.8))

    assert give_labels(suggestion, {}) is suggestion
    assert shown(suggestion) == [("Car", LEFT, 0.9)]


def test_a_box_with_another_label_gets_the_one_that_no_class_is():
    car = detected("Car", LEFT, 0.3)

    labelled = give_labels(suggested(car), {car.id: LabelVote("Person", 0.8)})

    assert [region.label for region in labelled.shown] == ["Person"]
    assert labelled.hidden == ()


def test_a_box_that_is_too_doubtful_stays_held_back():
    dog, car = detected("dog", LEFT, 0.06), detected("Car", RIGHT, 0.06)
    suggestion = suggested(dog, car)

    labelled = give_labels(suggestion, {dog.id: LabelVote("Person", 0.9), car.id: LabelVote("Person", 0.9)})

    assert labelled == suggestion
    assert list_voted(suggestion) == []  # not even a sure vote would show them


def test_of_two_boxes_on_one_object_the_surer_is_shown_and_the_other_held_back():
    dog, car = detected("dog", LEFT, 0.8), detected("Car", NEARLY_LEFT, 0.5)
    votes = {dog.id: LabelVote("Person", 0.9), car.id: LabelVote("Person", 0.8)}

    labelled = give_labels(suggested(dog, car), votes)

    assert [(region.label, region.box) for region in labelled.shown] == [("Person", LEFT)]
    assert [(region.label, region.box, region.double_of) for region in labelled.hidden] == [
        ("Car", NEARLY_LEFT, labelled.shown[0].id)
    ]


def test_its_id_and_its_text_tell_where_the_label_is_from():
    dog = detected("dog", LEFT, 0.4)
    labelled = give_labels(suggested(dog), {dog.id: LabelVote("Person", 0.9)})

    (region,) = labelled.shown

    assert region.id == region_id("v@1", 7, "Person", LEFT)
    assert labelled.notes() == {region.id: "label by references 0.90; detected as dog 0.40"}


def test_references_are_known_by_all_recorded_labels_that_mean_a_label_today():
    config = parse(CONFIG).with_synonyms({"Human": ("Person", "Human"), "Person": ("Person", "Human")})
    recorded = ("Human", "car", "Dog")

    assert list_names(config, ["Person"], recorded) == {"Person", "Human"}
    assert list_names(config, ["Car"], recorded) == {"Car", "car"}


def test_a_class_that_was_renamed_since_keeps_its_boxes_by_its_name_of_today():
    car, dog = detected("Car", LEFT, 0.9), detected("dog", RIGHT, 0.4)
    labelled = give_labels(suggested(car, dog), {dog.id: LabelVote("Person", 0.9)})
    renamed = parse(CONFIG.replace('"Car"', '"Auto"')).with_synonyms({"Car": ("Car", "Auto"), "Auto": ("Car", "Auto")})

    again = take_back(labelled, renamed)

    assert again.shown == (detected("Auto", LEFT, 0.9),)  # as a prediction of today would have it
    assert again.foreign == (dog,)


corner, side = st.floats(0, 0.8), st.floats(0.01, 0.2)
boxes = st.builds(lambda x, y, w, h: Box(x, y, x + w, y + h), corner, corner, side, side)
detections = st.builds(detected, st.sampled_from(CLASSES), boxes, st.floats(0.05, 1).map(lambda score: round(score, 4)))
distinct = st.lists(detections, max_size=8, unique_by=lambda region: region.id)


@given(distinct, st.lists(st.floats(0, 1), min_size=8, max_size=8), st.floats(0, 1))
def test_no_box_is_lost_or_doubled_and_all_can_be_taken_back(found, scores, threshold):
    suggestion = suggested(*found, threshold=threshold)
    votes = {region.id: LabelVote("Person", score) for region, score in zip(found, scores, strict=False)}

    labelled = give_labels(suggestion, votes)

    places = [region.box for region in (*labelled.shown, *labelled.hidden, *labelled.foreign)]
    assert sorted(map(repr, places)) == sorted(repr(region.box) for region in found)
    assert all(region.score >= threshold for region in labelled.shown)
    again = take_back(labelled, PROJECT)
    for part in ("shown", "hidden", "foreign"):
        assert set(getattr(again, part)) == set(getattr(suggestion, part))
    assert give_labels(again, votes).shown == labelled.shown
