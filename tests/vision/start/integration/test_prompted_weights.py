"""Labels become the classes of real networks, whose output is that of ultralytics for the same vectors."""

from copy import deepcopy

import numpy as np
import pytest
import torch

from loop.errors import WeightsRefused
from loop.registry.weights_check import check_weights
from loop.vision.start.prompted_weights import PromptedWeights, read_prompts
from loop.vision.start.prompts import LabelPrompt
from loop.vision.start.start_weights import StartWeights
from loop.vision.start.text_encoder import CLIP, MOBILE_CLIP, TextEncoder
from loop.vision.ultralytics_detector import UltralyticsDetector
from loop.vision.ultralytics_weights import open_model
from loop.vision.weights_kind import is_prompted
from tests.vision.start.builders import encode, make_base, make_encoder, noise, vector_of

YOLOE = ("yoloe-11n.yaml", "yoloe-11n-seg.yaml", "yoloe-v8n.yaml", "yoloe-26n.yaml", "yoloe-26n-seg.yaml")
WORLD = ("yolov8n-world.yaml", "yolov8n-worldv2.yaml")
RARE = {"yoloe-11n.yaml", "yoloe-v8n.yaml", "yoloe-26n-seg.yaml", "yolov8n-world.yaml"}
EVERY = [pytest.param(plan, marks=[pytest.mark.long] if plan in RARE else []) for plan in (*YOLOE, *WORLD)]
PROMPTS = (
    LabelPrompt("Kfz", ("car",)),
    LabelPrompt("Hut “neu” 🎩", ("hat", "cap")),
    LabelPrompt("Ampel", ("traffic light",)),
)


@pytest.fixture(scope="module")
def base(tmp_path_factory):
    """Make the weights of a plan, once."""
    made, folder = {}, tmp_path_factory.mktemp("bases")

    def make(plan):
        made[plan] = made.get(plan) or make_base(folder, plan)
        return made[plan]

    return make


def refuse(texts):
    raise AssertionError(f"the text encoder is asked for {texts}")


def write(base, out, prompts=PROMPTS, known=None, encode=encode):
    PromptedWeights(base).write(prompts, known or {}, encode, out)
    return out


def classes():
    """The vectors of PROMPTS, one for each class, as ultralytics is given them."""
    hat = vector_of("hat") + vector_of("cap")
    return torch.from_numpy(np.stack([vector_of("car"), hat / np.linalg.norm(hat), vector_of("traffic light")]))[None]


def output_of(network, image):
    """Boxes and scores of every place, as the head decodes them."""
    with torch.no_grad():
        output = network.float().eval()(image)
    while isinstance(output, tuple):
        output = output[0]
    return output


def prompted_by_ultralytics(base, plan):
    from ultralytics import YOLOE, YOLOWorld

    network = deepcopy((YOLOE if "yoloe" in plan else YOLOWorld)(str(base)).model).float().eval()
    if "yoloe" in plan:
        with torch.no_grad():
            network.set_classes([prompt.name for prompt in PROMPTS], network.model[-1].get_tpe(classes()))
    else:
        network.txt_feats, network.model[-1].nc = classes(), len(PROMPTS)
    return network


@pytest.mark.parametrize("plan", EVERY)
def test_it_detects_what_ultralytics_detects_for_the_same_vectors(base, tmp_path, plan):
    weights = write(base(plan), tmp_path / "prompted.pt")

    network = open_model(weights).model

    reference = prompted_by_ultralytics(base(plan), plan)
    wanted, found = output_of(reference, noise()), output_of(network, noise())
    if "seg" in plan:  # without the coefficients of masks
        wanted = wanted[..., :6] if reference.end2end else wanted[:, : 4 + len(PROMPTS)]
    assert found.shape == wanted.shape
    assert torch.allclose(found, wanted, atol=1e-3, rtol=1e-4)
    assert float(found[:, 4:].std()) > 0
    assert tuple(network.names.values()) == tuple(prompt.name for prompt in PROMPTS)


@pytest.mark.parametrize("plan", [YOLOE[1], WORLD[1]])
def test_prompted_weights_serve_like_any_others_without_a_text_encoder(base, tmp_path, plan):
    weights = write(base(plan), tmp_path / "prompted.pt")
    image = np.random.default_rng(3).integers(0, 255, (96, 128, 3), np.uint8)

    first, second = (UltralyticsDetector(weights, device="cpu", image_size=96) for _ in range(2))

    assert first.class_names == tuple(prompt.name for prompt in PROMPTS)
    assert first.detect([image], 0.0001) == second.detect([image], 0.0001)
    assert first.detect([image], 0.0001)[0]


@pytest.mark.parametrize("plan", EVERY[1:])
def test_the_export_detects_what_the_weights_detect(base, tmp_path, plan):
    from loop.registry.detectors import Detectors

    weights = write(base(plan), tmp_path / "prompted.pt")
    detectors = Detectors("cpu", 96, "", tmp_path)

    detectors.export(weights, tmp_path / "exported.openvino")  # compares the output for noise of several sizes

    assert detectors.load(tmp_path / "exported.openvino").class_names == tuple(prompt.name for prompt in PROMPTS)


@pytest.mark.parametrize("plan", [YOLOE[1], WORLD[1]])
def test_only_new_texts_are_encoded_later(base, tmp_path, plan):
    first = write(base(plan), tmp_path / "first.pt")
    asked = []

    def note(texts):
        asked.extend(texts)
        return encode(texts)

    write(base(plan), tmp_path / "second.pt", (*PROMPTS, LabelPrompt("Rad", ("bicycle",))), read_prompts(first), note)
    write(base(plan), tmp_path / "fewer.pt", PROMPTS[:2], read_prompts(first), refuse)

    assert asked == ["bicycle"]
    assert set(read_prompts(tmp_path / "second.pt")) == {"car", "hat", "cap", "traffic light", "bicycle"}
    assert np.array_equal(read_prompts(tmp_path / "fewer.pt")["hat"], vector_of("hat"))


def test_a_prompted_yoloe_is_a_plain_detector_and_a_yolo_world_stays_one(base, tmp_path):
    plain, world = (write(base(plan), tmp_path / f"{plan}.pt") for plan in (YOLOE[1], WORLD[1]))

    assert [is_prompted(base(plan)) for plan in (YOLOE[1], WORLD[1])] == [True, True]
    assert [is_prompted(weights) for weights in (plain, world)] == [False, True]
    check_weights(plain)
    check_weights(world)


def test_a_thousand_labels_are_classes(base, tmp_path):
    prompts = [LabelPrompt(f"label {number}", (f"thing {number}",)) for number in range(1000)]

    weights = write(base(YOLOE[1]), tmp_path / "many.pt", prompts)

    assert len(UltralyticsDetector(weights, device="cpu", image_size=64).class_names) == 1000


@pytest.mark.parametrize("plan", [YOLOE[1], WORLD[1]])
@pytest.mark.parametrize(
    "vector", [np.ones(768, np.float32), np.full(512, np.nan, np.float32)], ids=["of-another-model", "no-numbers"]
)
def test_vectors_of_another_model_are_refused_with_the_file_to_get(base, tmp_path, plan, vector):
    with pytest.raises(WeightsRefused, match=r"are expected.*of another text encoder than") as refused:
        write(base(plan), tmp_path / "wrong.pt", encode=lambda texts: np.stack([vector for _ in texts]))

    assert ("ViT-B-32.pt" if "world" in plan else "mobileclip_blt.ts") in str(refused.value)
    assert not (tmp_path / "wrong.pt").exists()


def test_weights_whose_classes_are_fixed_already_are_refused(base, tmp_path):
    fixed = torch.load(base(YOLOE[1]), map_location="cpu", weights_only=False)
    fixed["model"].model[-1].is_fused = True
    torch.save(fixed, tmp_path / "fixed.pt")

    with pytest.raises(WeightsRefused, match=r"fixed already.*without -pf"):
        PromptedWeights(tmp_path / "fixed.pt")


@pytest.mark.parametrize("kind", [CLIP, MOBILE_CLIP])
def test_a_text_encoder_gives_a_vector_of_length_one_for_any_text(tmp_path, kind):
    encoder = TextEncoder(kind, make_encoder(tmp_path, kind))

    vectors = encoder.encode(["car", "a “quoted” 'hat' 🎩", "car", *(f"thing {n}" for n in range(200)), "word " * 500])

    assert vectors.shape == (204, 512)
    assert np.allclose(np.linalg.norm(vectors, axis=1), 1)
    assert np.array_equal(vectors[0], vectors[2])
    assert not np.allclose(vectors[0], vectors[1])


def test_a_file_that_is_no_text_encoder_is_refused(tmp_path):
    (tmp_path / "ViT-B-32.pt").write_bytes(b"no zip")

    with pytest.raises(WeightsRefused, match=r"ViT-B-32\.pt is no text encoder .*: get ViT-B-32\.pt from https://"):
        TextEncoder(CLIP, tmp_path / "ViT-B-32.pt")


@pytest.mark.parametrize("kind", [CLIP, MOBILE_CLIP])
def test_a_text_encoder_that_is_not_here_is_named_with_its_place_and_source(tmp_path, kind, monkeypatch):
    from loop.errors import UpstreamError

    def unreachable(target):
        raise UpstreamError("no network")

    monkeypatch.setattr("loop.vision.start.start_weights._download", unreachable)
    start = StartWeights(str(tmp_path / "yoloe.pt"), tmp_path / "base")

    with pytest.raises(WeightsRefused, match="get it once from https://") as refused:
        start.encoder(kind)

    assert str(tmp_path / "base") in str(refused.value)


def test_a_text_encoder_is_found_beside_the_weights(tmp_path):
    make_encoder(tmp_path, CLIP)

    assert StartWeights(str(tmp_path / "yolov8s-worldv2.pt"), tmp_path / "base").encoder(CLIP).encode(["car"]).any()
