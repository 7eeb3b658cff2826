"""Label configs."""

import pytest

from loop.errors import LabelConfigError
from loop.label_studio.label_config import parse
from tests.builders import CONFIG


def with_threshold(text):
    return CONFIG.replace('toName="image">', f'toName="image" model_score_threshold="{text}">')


def labelled(labels):
    return (
        '<View><Image name="image" value="$image"/>'
        f'<RectangleLabels name="label" toName="image">{labels}</RectangleLabels></View>'
    )


def test_names_and_labels_are_read():
    config = parse(CONFIG)

    assert (config.from_name, config.to_name, config.image_key) == ("label", "image", "image")
    assert config.label_names == ("Car", "Person")
    assert config.score_threshold is None


def test_labels_match_the_models_names_without_regard_to_case():
    assert parse(CONFIG).label_map(["car", "PERSON", "dog"]) == {"car": "Car", "PERSON": "Person"}


def test_predicted_values_stand_for_a_label():
    config = parse(CONFIG.replace('"Car"/>', '"Car" predicted_values="truck, Bus"/>'))

    assert config.label_map(["Truck", "bus", "car"]) == {"Truck": "Car", "bus": "Car", "car": "Car"}


def test_predicted_values_come_before_a_label_of_that_name():
    config = parse(CONFIG.replace('"Car"/>', '"Car" predicted_values="person"/>'))

    assert config.label_map(["person"]) == {"person": "Car"}


def test_a_label_of_exactly_that_name_comes_first():
    config = parse(CONFIG.replace('"Car"/>', '"Car" predicted_values="Person"/><Label value="car"/>'))

    assert config.label_map(["Person", "person", "car", "Car", "CAR"]) == {
        "Person": "Person",
        "person": "Car",
        "car": "car",
        "Car": "Car",
    }


def test_a_detector_that_says_another_name_of_a_renamed_class_is_understood():
    was_car = {"Auto": ("Auto", "Car"), "Car": ("Auto", "Car")}
    old, new = parse(CONFIG), parse(CONFIG.replace('"Car"', '"Auto"'))

    assert new.with_synonyms(was_car).label_map(["Car", "car", "Person", "Bus"]) == {
        "Car": "Auto",
        "car": "Auto",
        "Person": "Person",
    }
    assert old.with_synonyms(was_car).label_map(["Auto"]) == {"Auto": "Car"}
    assert new.label_map(["Car"]) == {}


def test_a_threshold_under_the_default_is_read():
    assert parse(with_threshold("0.05")).score_threshold == 0.05


def test_other_controls_are_left_alone():
    other = '<Hologram name="h" toName="image"/><Choices name="c" toName="image"><Choice value="x"/></Choices></View>'

    assert parse(CONFIG.replace("</View>", other)).label_names == ("Car", "Person")


@pytest.mark.parametrize(
    ("xml", "message"),
    [
        pytest.param("", "the XML of a label config", id="empty"),
        pytest.param("<View", "well-formed XML", id="cut-off"),
        pytest.param("<View/>", "no control tag", id="no-control"),
        pytest.param(CONFIG.replace("RectangleLabels", "PolygonLabels"), "PolygonLabels", id="polygons"),
        pytest.param(CONFIG.replace("<Image", "<Text"), "RectangleLabels", id="text-not-image"),
        pytest.param('<!DOCTYPE a [<!ENTITY b "c">]><View>&b;</View>', "well-formed XML", id="entities"),
        pytest.param(with_threshold("2"), "a number from 0 to 1", id="threshold-of-two"),
        pytest.param(with_threshold("much"), "a number from 0 to 1", id="threshold-of-words"),
    ],
)
def test_what_cannot_be_predicted_for_is_refused(xml, message):
    with pytest.raises(LabelConfigError, match=message):
        parse(xml)


def test_the_models_names_match_aliases_too():
    config = parse(CONFIG.replace('"Car"/>', '"Автомобиль" alias="car"/>'))

    assert config.label_map(["CAR", "person"]) == {"CAR": "Автомобиль", "person": "Person"}


def test_an_object_has_one_label_of_a_control_unless_the_control_allows_several():
    two = CONFIG.replace(
        "</View>",
        '<RectangleLabels name="state" toName="image" choice="multiple"><Label value="Wet"/><Label value="Old"/>'
        "</RectangleLabels></View>",
    )

    kinds = [parse(two).kind_of(label) for label in ("Car", "Person", "Wet", "Old")]

    assert kinds == ["label", "label", "Wet", "Old"]


@pytest.mark.parametrize(
    ("labels", "expected"),
    [
        pytest.param('<Label value="Person"/><Label value="PERSON"/>', {"Person": "Person"}, id="case-twins"),
        pytest.param(
            '<Label value="A" predicted_values="Person"/><Label value="B" predicted_values="person"/>',
            {"Person": "A", "person": "B"},
            id="predicted-values-in-their-case",
        ),
    ],
)
def test_a_class_that_may_be_either_of_two_labels_is_none_of_them(labels, expected):
    assert parse(labelled(labels)).label_map(["Person", "person"]) == expected


def test_accented_letters_may_be_written_in_two_characters():
    composed, decomposed = "Caf\u00e9", "Cafe\u0301"
    config = parse(labelled(f'<Label value="{composed}"/>'))

    assert config.label_map([decomposed]) == {decomposed: composed}
    assert config.label_of("label", decomposed) == composed


def test_labels_that_only_the_writing_of_accents_tells_apart_are_two():
    composed, decomposed = "Caf\u00e9", "Cafe\u0301"
    config = parse(labelled(f'<Label value="{composed}"/><Label value="{decomposed}"/>'))

    assert config.label_names == (composed, decomposed)
    assert config.label_of("label", decomposed) == decomposed
