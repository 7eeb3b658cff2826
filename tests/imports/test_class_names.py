import unicodedata

import pytest

from loop.errors import PayloadError
from loop.imports.class_names import ClassNaming, name_classes, read_names
from loop.label_studio.label_config import parse
from tests.builders import CONFIG

CARS = parse(CONFIG.replace('"Person"', '"Person" predicted_values="human"'))


def test_classes_get_the_labels_that_mean_them_and_those_that_are_named():
    named = name_classes(["car", "human", "van"], CARS, ClassNaming({"van": "Car"}))

    assert named.label_of == {"car": "Car", "human": "Person", "van": "Car"}
    assert named.added == ()


def test_a_class_without_a_label_is_named_before_anything_is_done():
    with pytest.raises(PayloadError, match=r"--map CLASS=LABEL.*dog, cat"):
        name_classes(["Car", "dog", "cat"], CARS, ClassNaming({}))


def test_labels_are_added_and_classes_are_left_out_on_request():
    added = name_classes(["Car", "dog", "cat"], CARS, ClassNaming({"cat": "dog"}, adds=True))
    skipped = name_classes(["Car", "dog"], CARS, ClassNaming({}, skips=True))
    left_out = name_classes(["Car", "dog"], CARS, ClassNaming({"dog": ""}))

    assert (added.label_of, added.added) == ({"Car": "Car", "dog": "dog", "cat": "dog"}, ("dog",))
    assert skipped.label_of == left_out.label_of == {"Car": "Car", "dog": ""}


def test_a_name_for_a_class_that_the_dataset_lacks_is_refused():
    with pytest.raises(PayloadError, match=r"--map.*vann"):
        name_classes(["Car"], CARS, ClassNaming({"vann": "Car"}))


def test_a_label_that_is_mistyped_is_refused_though_other_classes_are_skipped():
    with pytest.raises(PayloadError, match="Carr"):
        name_classes(["van"], CARS, ClassNaming({"van": "Carr"}, skips=True))


AUTO = {"Auto": ("Auto", "Car"), "Car": ("Auto", "Car")}


@pytest.mark.parametrize("name", ["Car", "Auto", "auto"])
def test_a_class_that_is_named_by_another_name_of_a_label_adds_no_label(name):
    renamed = parse(CONFIG.replace("Car", "Auto")).with_synonyms(AUTO)

    named = name_classes(["van"], renamed, ClassNaming({"van": name}, adds=True))

    assert (named.label_of, named.added) == ({"van": "Auto"}, ())


@pytest.mark.parametrize("naming", [{"Car": "Car"}, {}], ids=["named", "not-named"])
def test_the_label_that_is_added_for_a_former_name_has_the_name_of_today(naming):
    without = parse(CONFIG.replace("Car", "Bus")).with_synonyms(AUTO)

    assert name_classes(["Car"], without, ClassNaming(naming, adds=True)).added == ("Auto",)


def test_names_are_read_and_split_at_the_last_sign():
    assert read_names(["a=b=Car", "dog="]) == {"a=b": "Car", "dog": ""}
    with pytest.raises(PayloadError, match="CLASS=LABEL"):
        read_names(["Car"])


def test_a_class_with_white_space_around_its_name_can_be_named():
    assert name_classes([" Van "], CARS, ClassNaming({"Van": "Car"})).label_of == {" Van ": "Car"}


def test_a_class_that_differs_from_two_labels_only_in_case_is_neither():
    twins = parse(CONFIG.replace('"Person"', '"CAR"'))

    assert name_classes(["CAR", "Car"], twins, ClassNaming({})).label_of == {"CAR": "CAR", "Car": "Car"}
    with pytest.raises(PayloadError, match=r"--map CLASS=LABEL.*found car"):
        name_classes(["car"], twins, ClassNaming({}))


def test_classes_that_differ_only_in_how_an_accent_is_written_are_not_one_label():
    composed, decomposed = (unicodedata.normalize(form, "Caf\u00e9") for form in ("NFC", "NFD"))
    config = parse(CONFIG.replace("Person", composed))

    assert name_classes([decomposed], config, ClassNaming({})).label_of == {decomposed: composed}
    with pytest.raises(PayloadError, match=f"found {decomposed}"):
        name_classes([composed, decomposed], config, ClassNaming({}))


def test_classes_that_differ_only_in_case_are_not_one_label():
    stated = parse(CONFIG.replace('"Car"', '"Car" predicted_values="car"'))

    with pytest.raises(PayloadError, match=r"--map CLASS=LABEL.*found car"):
        name_classes(["Car", "car"], CARS, ClassNaming({}))
    assert name_classes(["Car", "car"], CARS, ClassNaming({}, adds=True)).label_of == {"Car": "Car", "car": "car"}
    assert name_classes(["Car", "car"], CARS, ClassNaming({"car": "Car"})).label_of == {"Car": "Car", "car": "Car"}
    assert name_classes(["Car", "car"], stated, ClassNaming({})).label_of == {"Car": "Car", "car": "Car"}
