"""The other door: our class under label-studio-ml's own server, as it is installed."""

import json
import os
import subprocess
import sys

import pytest

from loop.settings import Settings
from loop.wiring import build
from scripts.demo import scenes
from tests.builders import CONFIG, ls_task

# A process of its own, because importing the server changes the process: it starts torch's multiprocessing anew.
SERVER = """
import json, sys
from label_studio_ml.api import init_app
from backend.model import YoloBackend
app = init_app(model_class=YoloBackend, model_dir=sys.argv[1])
client = app.test_client()
said = json.load(sys.stdin)
setup = client.post("/setup", json=said["setup"])
answer = client.post("/predict", json=said["predict"])
print(json.dumps({"health": client.get("/health").json, "setup": setup.json, "predict": answer.json}))
"""


@pytest.fixture
def environment(tmp_path):
    """An installation with one project that the start weights serve."""
    settings = Settings.read(
        {
            "LOOP_HOME": str(tmp_path / "home"),
            "LOOP_BASE_WEIGHTS": str(scenes.WARM_START),
            "LOOP_IMAGE_SIZE": "64",
            "LOOP_REDIS_URL": "redis://127.0.0.1:9",
        }
    )
    rooms = build(settings, migrate=True)
    rooms.studio.projects.save(1, "Cars", CONFIG)
    rooms.registry.versions.promote(1, rooms.registry.versions.add(1, scenes.WARM_START).name, "first")
    rooms.close()
    return {**os.environ, **settings.environment()}


def test_it_predicts_the_champion_of_the_tasks_project(environment, tmp_path):
    request = {
        "setup": {"project": "1.179", "schema": CONFIG},
        "predict": {
            "tasks": [ls_task(1, project=1), ls_task(2, "http://10.0.0.1/private.jpg", project=1)],
            "project": "1.179",
            "label_config": CONFIG,
            "params": {},
        },
    }

    done = subprocess.run(
        [sys.executable, "-c", SERVER, str(tmp_path / "models")],
        input=json.dumps(request),
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )

    assert done.returncode == 0, done.stderr
    answer = json.loads(done.stdout.splitlines()[-1])
    assert answer["health"]["status"] == "UP"
    assert [one["model_version"] for one in answer["predict"]["results"]] == ["yolo_detector@1.0.0"] * 2
    assert all(0 <= one["score"] <= 1 for one in answer["predict"]["results"])
