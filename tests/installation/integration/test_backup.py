"""A backup, restored at another path, starts and serves the same."""

import base64
import io
import json
from contextlib import closing

import httpx
import pytest

from backend.app import create_app
from loop.registry.store import VersionFacts
from loop.reviews.judging import judge_tasks
from loop.wiring import build
from scripts.demo import scenes
from scripts.demo.label_studio import free_port
from tests.builders import review
from tests.installation.builders import assert_all_end, is_ready, started
from tests.services import run_loop, until

pytestmark = pytest.mark.timeout(300)
QUICK = {"basic_auth_user": "loop", "basic_auth_pass": "of a test", "embedder": "none", "default_workers": 1}
SENSITIVE = {"floor": 0.001, "display": 0.01}  # the weights know little of the scenes


def address_of(scene):
    content = io.BytesIO()
    scene.image.save(content, "PNG")
    return f"data:image/png;base64,{base64.b64encode(content.getvalue()).decode()}"


@pytest.fixture
def request_body(settings):
    """A project with a label for each class of a real detector, which serves; a request for four of its tasks."""
    with closing(build(settings, migrate=True)) as rooms:
        detector = rooms.registry.detectors.load(scenes.WARM_START)
        labels = "".join(f'<Label value="{name}"/>' for name in detector.class_names)
        boxes = f'<RectangleLabels name="label" toName="image">{labels}</RectangleLabels>'
        config = f'<View><Image name="image" value="$image"/>{boxes}</View>'
        rooms.studio.projects.save(1, "Scenes", config)
        facts = VersionFacts(classes=detector.class_names, thresholds=SENSITIVE, training={"image_size": 128})
        version = rooms.registry.versions.add(1, scenes.WARM_START, facts)
        rooms.registry.versions.promote(1, version.name, "first")
    known, _ = scenes.palettes()
    images = [address_of(scene) for scene in scenes.compose(known, 4, seed=1, prefix="s")]
    tasks = [{"id": number, "data": {"image": image}} for number, image in enumerate(images, start=1)]
    return {"tasks": tasks, "project": "1.1", "label_config": config, "params": {}}


def predict_here(settings, body):
    app = create_app(settings)
    with closing(app.extensions["rooms"]):
        auth = (settings.basic_auth_user, settings.basic_auth_pass)
        return app.test_client().post("/predict", json=body, auth=auth).get_json()


def predict_there(settings, body):
    auth = (settings.basic_auth_user, settings.basic_auth_pass)
    return httpx.post(f"{settings.local_url}/predict", json=body, auth=auth, timeout=60).raise_for_status().json()


def confirm_all(settings):
    """Every task is reviewed and left as it was predicted."""
    with closing(build(settings)) as rooms:
        for task in range(1, 5):
            (seen,) = rooms.serving.predictions.of_task(1, task)
            submitted = review(*seen.regions, annotation=task, task=task, minutes=10**6)
            rooms.reviews.store.record(submitted, {})
        judge_tasks(rooms.reviews, 1, list(range(1, 5)))


def read_versions(settings):
    with closing(build(settings)) as rooms:
        versions = rooms.registry.versions.list(1)
        for version in versions:
            version.verify()
        return [(version.name, version.sha256, version.facts) for version in versions]


def test_restored_at_another_path_it_starts_and_gives_the_same_to_the_bit(settings, request_body, tmp_path):
    settings = settings.model_copy(update=QUICK)
    restored = settings.model_copy(update={"home": tmp_path / "another machine" / "loop", "port": free_port()})
    predicted = predict_here(settings, request_body)
    confirm_all(settings)
    verdicts = run_loop(settings, "verdicts", "--project", "1")

    run_loop(settings, "backup", str(tmp_path / "loop.tar.gz"))
    run_loop(restored, "restore", str(tmp_path / "loop.tar.gz"))

    with started(restored) as process:
        until(lambda: is_ready(process), 120)

        assert predict_there(restored, request_body) == predicted
        assert run_loop(restored, "verdicts", "--project", "1") == verdicts
        assert read_versions(restored) == read_versions(settings)

        process.terminate()
        assert_all_end(restored, process)
    assert sum(len(one["result"]) for one in predicted["results"]) > 0
    assert {json.loads(line)["decision"] for line in verdicts.splitlines()} == {"confirmed"}
