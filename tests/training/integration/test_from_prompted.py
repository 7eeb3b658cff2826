"""Trainings from prompted weights: a YOLOE is trained on, a YOLO-World is followed by other weights."""

from contextlib import closing

import pytest

from loop.installation.connect import connect
from loop.training.retrain import retrain
from loop.vision.start.text_encoder import CLIP, MOBILE_CLIP
from loop.wiring import build
from scripts.demo.scenes import WARM_START
from tests.builders import CONFIG
from tests.fakes import FakeQueue
from tests.installation.fakes import Connectable
from tests.swap import swap
from tests.training.builders import review_tasks, settings_in
from tests.vision.start.builders import make_base, make_encoder

pytestmark = [pytest.mark.long, pytest.mark.timeout(280)]


@pytest.mark.parametrize(
    ("plan", "encoder"), [("yoloe-11n-seg.yaml", MOBILE_CLIP), ("yolov8n-worldv2.yaml", CLIP)], ids=["yoloe", "world"]
)
def test_a_version_is_trained_beside_a_prompted_one_and_the_gate_compares_them(tmp_path, plan, encoder):
    (tmp_path / "weights").mkdir()
    base = make_base(tmp_path / "weights", plan)
    make_encoder(tmp_path / "weights", encoder)
    values = {"LOOP_BASE_WEIGHTS": str(base), "LOOP_TRAIN_WEIGHTS": str(WARM_START)}
    settings = settings_in(tmp_path / "home", **values)
    with closing(build(settings, migrate=True)) as built:
        rooms = swap(built, (built.studio.client, Connectable(CONFIG)), (built.queue, FakeQueue()))
        connect(rooms.installation, 1)
        review_tasks(rooms, range(1, 9))
        rooms.trainings.store.ask(1, "a test")

        line = retrain(rooms.trainings, 1)

        trained = rooms.registry.versions.get(1, "1.0.0")
        _, report = rooms.gate.reports.find(1, trained.name)
        assert line.startswith("yolo_detector@1.0.0 ")
        assert trained.facts.parent == "yolo_detector@0.0.0"
        assert '"yolo_detector@0.0.0"' in report.read_text()
        assert trained.facts.classes == ("Car", "Person")
        assert rooms.trainings.store.last(1)[0].state == "ended"
