"""Label configs that cannot work as they are: refused by name, at every door."""

from dataclasses import replace

import pytest
from typer.testing import CliRunner

from backend.app import create_app
from loop.cli.tree import app
from loop.errors import LabelConfigError, UnknownProject
from loop.installation.checks_reviews import label_config as check
from loop.installation.connect import connect
from loop.label_studio.label_config import parse
from loop.label_studio.label_config_edit import with_label
from loop.label_studio.states import ProjectState
from loop.training.after_reviews import review
from tests.backend.builders import client_of
from tests.builders import ls_task
from tests.swap import swap

IMAGE = '<Image name="image" value="$image"/>'
BOXES = '<RectangleLabels name="label" toName="image"><Label value="Car"/></RectangleLabels>'
DEEP = "<Choice>" * 3000 + "</Choice>" * 3000
REFUSED = {
    "pages": (IMAGE.replace("value=", "valueList=") + BOXES, r"Image image valueList: expected one image a task"),
    "pages-in-small-letters": (IMAGE.replace("value=", "valuelist=") + BOXES, r"Image image valueList"),
    "no-value": (IMAGE.replace('value="$image"', "") + BOXES, r"Image image value: expected a field.*found none"),
    "one-address-for-all": (IMAGE.replace("$image", "https://a/b.jpg") + BOXES, r"Image image value.*https://a/b\.jpg"),
    "address-made-of-a-field": (IMAGE.replace("$image", "https://a/$b") + BOXES, r"Image image value"),
    "nested-field": (IMAGE.replace("$image", "$a.b") + BOXES, r"Image image value.*\$a\.b"),
    "dynamic-labels": (
        IMAGE + '<RectangleLabels name="label" toName="image" value="$labels"/>',
        r"RectangleLabels label value: expected a <Label> for each class.*found \$labels",
    ),
    "dynamic-label": (IMAGE + BOXES.replace('"Car"', '"$kind"'), r"RectangleLabels label value.*found \$kind"),
    "nested-deeply": (
        f'{IMAGE}{BOXES}<Taxonomy name="k" toName="image" perRegion="true">{DEEP}</Taxonomy>',
        r"at most 100 tags within each other",
    ),
    "no-labels": (
        IMAGE + '<RectangleLabels name="label" toName="image"/>',
        r"RectangleLabels label: expected at least",
    ),
    "labels-without-value": (IMAGE + BOXES.replace("value", "alias"), r"RectangleLabels label: expected at least"),
    "no-name": (IMAGE + BOXES.replace('name="label"', ""), r"RectangleLabels name: expected a name"),
    "second-control-dynamic": (
        IMAGE + BOXES + '<RectangleLabels name="more" toName="image" value="$more"/>',
        r"RectangleLabels more value",
    ),
    "repeater": (
        f'<Repeater on="$all">{IMAGE}{BOXES}</Repeater>',
        r"Repeater: expected the image and its boxes outside",
    ),
    "brush-only": (IMAGE + '<BrushLabels name="b" toName="image"><Label value="Car"/></BrushLabels>', r"BrushLabels"),
    "boxes-on-video": (
        '<Video name="image" value="$v"/>' + BOXES,
        r"each frame of a video a task.*LOOP_GROUP_FIELD.*found a Video",
    ),
    "video": ('<Video name="v" value="$v"/><VideoRectangle name="b" toName="v"/>', r"label_config/frames\.xml"),
}
EVERY = pytest.mark.parametrize(("tags", "message"), [pytest.param(*pair, id=name) for name, pair in REFUSED.items()])


@pytest.fixture
def client(rooms, settings):
    web = create_app(settings.model_copy(update={"basic_auth_user": "user", "basic_auth_pass": "pass"}))
    yield client_of(web)
    web.extensions["rooms"].close()


def view(tags):
    return f"<View>{tags}</View>"


@EVERY
def test_it_is_refused_by_name(tags, message):
    with pytest.raises(LabelConfigError, match=message):
        parse(view(tags))


@EVERY
def test_setup_and_predict_refuse_it_with_a_message_and_no_500(client, tags, message):
    setup = client.post("/setup", json={"project": "1.1", "schema": view(tags)})
    predicted = client.post("/predict", json={"project": "1.1", "label_config": view(tags), "tasks": [ls_task()]})

    for answer in (setup, predicted):
        assert answer.status_code == 400
        assert answer.json["type"] == "LabelConfigError"


def test_connect_refuses_it_before_anything_is_recorded(rooms):
    class Studio:
        def project(self, project_id):
            return ProjectState.of({"id": project_id, "title": "Pages", "label_config": view(REFUSED["pages"][0])})

    with pytest.raises(LabelConfigError, match="Image image valueList"):
        connect(swap(rooms, (rooms.studio.client, Studio())).installation, 7)
    with pytest.raises(UnknownProject):
        rooms.studio.projects.get(7)


def test_the_command_says_it_in_a_line(tmp_path):
    (tmp_path / "config.xml").write_text(view(REFUSED["pages"][0]))
    (tmp_path / "export.json").write_text("[]")

    paths = {"--label-config": "config.xml", "--images": "", "--out": "out"}
    options = [text for option, path in paths.items() for text in (option, str(tmp_path / path))]

    done = CliRunner().invoke(app, ["dataset", "convert", str(tmp_path / "export.json"), *options])

    assert isinstance(done.exception, LabelConfigError)


def test_a_control_on_two_images_is_on_the_first_of_them_that_is_one():
    two = '<Text name="t" value="$t"/>' + IMAGE + BOXES.replace('"image"', '"t, image"')

    assert (parse(view(two)).to_name, parse(view(two)).image_key) == ("image", "image")


def test_a_label_with_a_dollar_is_a_name_unless_it_is_a_field():
    assert parse(view(IMAGE + BOXES.replace("Car", "$100 bill"))).label_names == ("$100 bill",)


def test_names_of_tags_and_attributes_are_read_without_regard_to_case():
    small = view(IMAGE + BOXES).lower()

    assert parse(small).label_names == ("car",)
    assert parse(with_label(small, "dog")).label_names == ("car", "dog")


def test_labels_that_stand_twice_are_one_with_all_that_they_stand_for():
    twice = '<Label value="Car" predicted_values="auto"/><Label value="Car" alias="c" predicted_values="van"/>'
    config = parse(view(IMAGE + BOXES.replace('<Label value="Car"/>', twice)))

    assert config.label_names == ("Car",)
    assert config.label_map(["auto", "van"]) == {"auto": "Car", "van": "Car"}
    assert config.label_of("label", "c") == "Car"


def test_an_event_that_brings_one_is_set_aside_and_the_config_before_stays_in_force(rooms):
    before = rooms.studio.projects.get(1).label_config
    project = {"id": 1, "title": "Pages", "label_config": view(REFUSED["pages"][0])}
    rooms.reviews.events.append(1, "PROJECT_UPDATED", {"action": "PROJECT_UPDATED", "project": project})

    review(rooms.trainings, 1)

    (aside,) = rooms.reviews.events.find_set_aside(1)
    assert "Image image valueList: expected one image a task" in aside.error
    assert rooms.studio.projects.get(1).label_config == before


def test_the_doctor_names_one_that_an_older_version_took(rooms):
    project = replace(rooms.studio.projects.get(1), label_config=view(REFUSED["dynamic-labels"][0]))

    (finding,) = check(rooms.installation, project)

    assert finding.level.value == "wrong"
    assert "RectangleLabels label value" in finding.found
    assert "loop connect --project 1" in finding.advice
