"""Results, annotations and label configs of any form: all of ours is read or named, and nothing raises."""

import json

from hypothesis import given, settings
from hypothesis import strategies as st

from loop.errors import LabelConfigError
from loop.label_studio.label_config import parse
from loop.label_studio.result_format import read_result, write_result
from loop.regions import Box, Region
from loop.storage.storable import is_text
from tests.label_studio import builders as shapes
from tests.label_studio.builders import NAMES, attribute, config_of
from tests.mutants import mutants

CONFIG = parse(shapes.SHAPES)
NOTHING = [shapes.polygon("Road"), shapes.choice(), shapes.rectangle(to_name="ir"), shapes.rectangle(item_index=3)]
OURS = [
    *(shapes.rectangle(label) for label in ("Car", "auto", "Person", "Plane", "")),
    shapes.rectangle(width=-5, height=-5),
    *(shapes.polygon(), shapes.ellipse(), shapes.ellipse(rotation=30), shapes.brush(), shapes.point(), shapes.tag()),
]
RESULTS = st.lists(st.one_of([st.just(one) | mutants(one) for one in (*OURS, *NOTHING, shapes.bare())]), max_size=5)


def is_drawn_by_our_control(result):
    return (result.get("from_name"), result.get("to_name"), result.get("item_index")) == ("label", "image", None)


@given(RESULTS)
def test_every_result_of_our_control_is_read_or_named(results):
    for result in (one for one in results if is_drawn_by_our_control(one)):
        reading = read_result([result], CONFIG, "annotation 1")

        assert len(reading.regions) + len(reading.unread) == 1


@given(RESULTS)
def test_what_is_read_can_be_kept_and_what_is_not_can_be_told(results):
    reading = read_result(results, CONFIG, "annotation 1")

    for each in reading.regions:
        assert each.label in CONFIG.label_names
        json.dumps([each.box.x0, each.box.y0, each.box.x1, each.box.y1, each.score, each.rotation], allow_nan=False)
        assert is_text(each.id)
    for each in reading.unread:
        assert is_text(each.text)
        assert each.text.startswith("annotation 1 result[")


@given(st.sampled_from(OURS), RESULTS, st.integers(0, 5))
def test_an_object_of_ours_never_makes_a_background(ours, others, place):
    result = {**ours, "id": "ours"}

    reading = read_result([*others[:place], result, *others[place:]], CONFIG, "annotation 1")

    is_read = any(region.id == "ours" for region in reading.regions)
    is_named = any(f"result[{min(place, len(others))}]" in unread.text for unread in reading.unread)
    assert is_read != is_named


@given(st.lists(st.sampled_from(NOTHING), max_size=4))
def test_what_says_nothing_of_our_boxes_leaves_a_background(results):
    reading = read_result(results, CONFIG, "annotation 1")

    assert (reading.regions, reading.unread) == ((), ())


@settings(max_examples=100)
@given(st.permutations(sorted(NAMES.values())), st.integers(1, 6))
def test_labels_of_any_name_and_alias_come_back_as_they_were_written(names, count):
    labels, aliases = names[:count], names[count : 2 * count]
    xml = config_of(labels)
    for label, alias in zip(labels, aliases, strict=True):
        xml = xml.replace(
            f"<Label value={attribute(label)}/>", f"<Label value={attribute(label)} alias={attribute(alias)}/>"
        )
    config = parse(xml)
    regions = [Region(str(index), Box(0, 0, 1, 1), label) for index, label in enumerate(labels)]

    result = write_result(regions, config, (10, 10))

    assert [one["value"]["rectanglelabels"] for one in result] == [[alias] for alias in aliases]
    assert [one.label for one in read_result(result, config, "prediction 1").regions] == labels


ELEMENTS = [
    "<Image name='image' value='$image'/>",
    "<Image name='image' valueList='$images'/>",
    "<image NAME='ir' value='https://a/$ir'/>",
    "<Repeater on='$all'><Image name='image' value='$image'/></Repeater>",
    "<RectangleLabels name='label' toName='image,ir'><Label value='Car'/></RectangleLabels>",
    "<RectangleLabels name='label' toName='image'><Label value='Car' alias='x'/></RectangleLabels>",
    "<RectangleLabels name='label' toName='ir'><View><Label alias='x'/></View></RectangleLabels>",
    "<rectanglelabels toname='image' value='$labels'/>",
    "<Labels name='tags' toName='image'><Label value='Car'/></Labels>",
    "<Rectangle name='rect' toName='image'/>",
    "&",
]


@given(st.lists(st.sampled_from(ELEMENTS), max_size=6))
def test_a_label_config_of_any_form_is_read_or_refused_by_name(elements):
    try:
        config = parse(f"<View>{''.join(elements)}</View>")
    except LabelConfigError:
        return
    assert (config.label_names, config.own, config.image_key) == (("Car",), ("label",), "image")
