"""Adding a label to a label config, and taking it out again."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loop.errors import LabelConfigError
from loop.label_studio.label_config import parse
from loop.label_studio.label_config_edit import with_label, without_label
from tests.builders import CONFIG

TWO = """<?xml version="1.0" encoding="latin-1"?>
<!-- Größe: <Label value="not one"/> --><View>\r
 <RectangleLabels name='label' toName="text"><Label value="a"/></RectangleLabels>
 <Image name="image" value="$image"/><Text name="text" value="$t"/>
 <RectangleLabels name="label" toName="image">\r
\t<Label value="Car > van" background="#fff"></Label  >\r
\t<!-- the last --> <Label
      value="Person"
   />   <!-- after -->
 </RectangleLabels>
 <RectangleLabels name="more" toName="image"><Label value="z"/></RectangleLabels>
</View>
"""


def test_a_label_comes_after_the_last_one_on_a_line_of_its_own():
    assert with_label(CONFIG, "Dog") == CONFIG.replace('"Person"/>', '"Person"/>\n    <Label value="Dog"/>')


def test_every_other_byte_stays_and_other_controls_are_left_alone():
    assert with_label(TWO, "Dög") == TWO.replace("   />   <!-- after", '   /><Label value="Dög"/>   <!-- after')
    assert parse(with_label(TWO, "Dög")).label_names == ("Car > van", "Person", "Dög", "z")


def test_line_breaks_are_those_of_the_file():
    dos = CONFIG.replace("\n", "\r\n")

    assert with_label(dos, "Dog") == dos.replace('"Person"/>', '"Person"/>\r\n    <Label value="Dog"/>')


def test_a_label_that_is_there_changes_nothing():
    once = with_label(CONFIG, "Dog")

    assert with_label(CONFIG, "Car") is CONFIG
    assert with_label(once, "Dog") is once


@pytest.mark.parametrize(
    "control",
    [
        '<RectangleLabels name="l" toName="i"/>',
        '<RectangleLabels name="l" toName="i" ></RectangleLabels>',
        '<RectangleLabels name="l" toName="i"><Header value="/>"/></RectangleLabels>',
    ],
    ids=["empty-tag", "empty", "other-children"],
)
def test_a_control_without_labels_gets_its_first(control):
    xml = f'<View><Image name="i" value="$i"/>{control}<Header value="x"/></View>'

    assert parse(with_label(xml, "Dog")).label_names == ("Dog",)


def is_name(text):
    """A label that Label Studio does not take for a field of the task data."""
    return bool(text.strip()) and not re.match(r"\s*\$[^\W\d]", text)


@given(st.text(st.characters(codec="utf-8", exclude_categories=["Cs", "Cc"]), min_size=1).filter(is_name))
def test_any_name_is_written_so_that_it_is_read_again(name):
    assert name in parse(with_label(TWO, name)).label_names


@pytest.mark.parametrize(("xml", "value"), [("<View", "Dog"), (CONFIG, "  "), (CONFIG, "a\x00b"), ("<View/>", "Dog")])
def test_what_cannot_be_added_is_refused(xml, value):
    with pytest.raises(LabelConfigError):
        with_label(xml, value)


def test_a_label_that_is_the_alias_of_another_is_refused():
    with pytest.raises(LabelConfigError, match="no alias of another label"):
        with_label(CONFIG.replace('"Car"/>', '"Car" alias="auto"/>'), "auto")


@pytest.mark.parametrize("xml", [CONFIG, CONFIG.replace("\n", "\r\n"), TWO, CONFIG.replace("\n", "")])
@given(name=st.text(st.characters(codec="utf-8", exclude_categories=["Cs", "Cc"]), min_size=1).filter(is_name))
def test_taking_a_label_out_gives_every_byte_back(xml, name):
    is_new = name not in parse(xml).label_names

    assert without_label(with_label(xml, name), name) == xml or not is_new


def test_a_label_in_the_middle_goes_with_its_own_line_alone():
    three = with_label(with_label(CONFIG, "Dog"), "Cat").replace('value="Dog"', 'background="red" value="Dog"')

    assert without_label(three, "Dog") == with_label(CONFIG, "Cat")
    assert without_label(CONFIG, "Dog") is CONFIG
    assert parse(without_label(TWO, "Person")).label_names == ("Car > van", "z")


@pytest.mark.parametrize(
    ("xml", "value"),
    [
        pytest.param(CONFIG.replace('    <Label value="Person"/>\n', ""), "Car", id="the-only-one"),
        pytest.param(TWO, "z", id="of-another-control"),
        pytest.param(TWO.replace('"z"', '"Person"'), "Person", id="of-two-controls"),
        pytest.param("<View", "Car", id="no-config"),
    ],
)
def test_a_label_that_cannot_go_is_refused(xml, value):
    with pytest.raises(LabelConfigError):
        without_label(xml, value)
