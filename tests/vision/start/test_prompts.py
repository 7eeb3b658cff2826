"""The texts that labels are asked for."""

import pytest

from loop.errors import PayloadError
from loop.label_studio.label_config import Label
from loop.vision.start.prompts import LabelPrompt, list_prompts, read_mapping
from loop.vision.start.start_weights import StartWeights


def test_a_label_is_asked_for_by_the_mapping_or_its_predicted_values_or_its_name():
    labels = (Label("Kfz", ("car", "truck")), Label("Ampel", ("lamp",)), Label("traffic_light"), Label("“Hut” 🎩"))

    prompts = list_prompts(labels, {"Ampel": ("traffic light", "stop light"), "Other": ("x",)})

    assert prompts == (
        LabelPrompt("Kfz", ("car", "truck")),
        LabelPrompt("Ampel", ("traffic light", "stop light")),
        LabelPrompt("traffic_light", ("traffic light",)),
        LabelPrompt("“Hut” 🎩", ("“Hut” 🎩",)),
    )


def test_a_label_of_underscores_alone_keeps_its_name():
    assert list_prompts((Label("__"),), {}) == (LabelPrompt("__", ("__",)),)


def mapping_of(tmp_path, text):
    (tmp_path / "prompts.yaml").write_bytes(text.encode() if isinstance(text, str) else text)
    return StartWeights("", tmp_path, prompts=str(tmp_path / "prompts.yaml")).mapping()


def test_a_mapping_has_a_text_or_several_for_a_label(tmp_path):
    content = '"Kfz \\"neu\\"": car\nAmpel: [traffic light, " stop light "]\n🎩: hat\n'

    assert mapping_of(tmp_path, content) == {
        'Kfz "neu"': ("car",),
        "Ampel": ("traffic light", "stop light"),
        "🎩": ("hat",),
    }


@pytest.mark.parametrize(
    ("content", "words"),
    [
        pytest.param("- car", "a line `label: text`", id="a-list"),
        pytest.param("Kfz:", "a text of 1 to 1000 characters", id="no-text"),
        pytest.param("Kfz: 7", "a text of 1 to 1000 characters", id="a-number"),
        pytest.param("yes: car", "labels as texts", id="a-label-that-yaml-takes-for-true"),
        pytest.param("Kfz: []", "1 to 50 texts", id="an-empty-list"),
        pytest.param("Kfz: [car, ' ']", "a text of 1 to 1000 characters", id="a-blank"),
        pytest.param(f"Kfz: {'x' * 1001}", "a text of 1 to 1000 characters", id="a-long-text"),
        pytest.param("Kfz: {a: b", "well-formed YAML", id="no-yaml"),
        pytest.param("!!python/object/apply:os.system [id]", "well-formed YAML", id="a-program"),
        pytest.param(b"\xff\xfe", "UTF-8", id="no-text-at-all"),
    ],
)
def test_a_mapping_that_cannot_be_read_is_refused_by_its_file(tmp_path, content, words):
    with pytest.raises(PayloadError, match="LOOP_PROMPTS") as refused:
        mapping_of(tmp_path, content)

    assert words in str(refused.value)
    assert "prompts.yaml" in str(refused.value)


def test_a_mapping_that_is_not_there_is_refused_and_none_is_needed(tmp_path):
    with pytest.raises(PayloadError, match=r"LOOP_PROMPTS .*none\.yaml"):
        StartWeights("", tmp_path, prompts=str(tmp_path / "none.yaml")).mapping()

    assert StartWeights("", tmp_path).mapping() == {}
    assert read_mapping(None, "LOOP_PROMPTS x") == {}
