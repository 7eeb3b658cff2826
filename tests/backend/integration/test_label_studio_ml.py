"""The other door: our class under label-studio-ml's own server, as it is installed, and 2.x where it is at hand."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from loop.settings import Settings
from loop.wiring import build
from scripts.demo import scenes
from scripts.demo.label_studio import free_port
from tests.builders import CONFIG, ls_task
from tests.services import until

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


# No package index has 2.x: LABEL_STUDIO_ML_2 names folders with label_studio_ml of its repository, and with semver.
SECOND = os.environ.get("LABEL_STUDIO_ML_2", "")


@pytest.fixture
def server_of_2(environment, tmp_path):
    """The address of a server that the commands of docs/deployment.md made and started."""
    path = {**environment, "PYTHONPATH": SECOND, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    run = "import sys; from label_studio_ml.server import main; sys.argv[0] = 'label-studio-ml'; main()"
    program, port = (sys.executable, "-c", run), free_port()
    model = Path("backend/model.py:YoloBackend").absolute()
    subprocess.run([*program, "create", "yolo", "--from", model], cwd=tmp_path, env=path, check=True)
    with subprocess.Popen(
        [*program, "start", "yolo", "--host", "127.0.0.1", "--port", str(port)],
        cwd=tmp_path,
        env=path,
        start_new_session=True,
    ) as server:
        client = httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=60)
        until(lambda: answers(client), 60)
        yield client
        os.killpg(server.pid, signal.SIGTERM)


def answers(client):
    try:
        return client.get("/health").is_success
    except httpx.TransportError:
        return False


@pytest.mark.skipif(not SECOND, reason="label-studio-ml 2.x is in no package index: LABEL_STUDIO_ML_2 names its folder")
def test_the_server_of_2_predicts_the_champion_too(server_of_2):
    setup = server_of_2.post("/setup", json={"project": "1.179", "schema": CONFIG}).json()
    request = {"tasks": [ls_task(1, project=1)], "project": "1.179", "label_config": CONFIG, "params": {}}
    answer = server_of_2.post("/predict", json=request).json()
    started = server_of_2.post(
        "/webhook", json={"action": "START_TRAINING", "project": {"id": 1, "label_config": CONFIG}}
    )

    assert setup["model_version"] == "yolo_detector@1.0.0"
    assert [one["model_version"] for one in answer["results"]] == ["yolo_detector@1.0.0"]
    assert "training" in started.json()["result"]["status"]
