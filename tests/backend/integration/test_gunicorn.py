"""The backend under gunicorn: swaps, storages, bad input, on real images."""

import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import httpx
import pytest

from loop.errors import NotStored
from loop.installation.doctor import doctor
from loop.installation.findings import Level
from loop.label_studio.prediction_import import NewPrediction
from scripts.demo import project as projects
from tests.builders import ls_region, picture
from tests.services import children, make_project, project_of, run_loop, until

pytestmark = pytest.mark.timeout(300)


@pytest.fixture
def backend(loop_settings, loop_up):
    auth = (loop_settings.basic_auth_user, loop_settings.basic_auth_pass)
    with httpx.Client(base_url=loop_settings.backend_url, auth=auth, timeout=100) as client:
        yield client


@pytest.fixture(scope="module")
def connected(api, loop_rooms, loop_settings):
    project_id, annotator = make_project(api, "Serving", 6, labels=("item",), seed=4)
    run_loop(loop_settings, "connect", "--project", str(project_id))
    until(lambda: project_of(api, project_id)["model_version"] == "yolo_detector@0.0.0", 60)
    return project_id, annotator


def request_for(api, project_id):
    tasks = api.get("/api/tasks", params={"project": project_id, "page_size": 100}).json()["tasks"]
    label_config = project_of(api, project_id)["label_config"]
    return {"tasks": tasks, "project": f"{project_id}.1", "label_config": label_config, "params": {}}


def test_versions_are_swapped_in_every_process_without_a_failed_request(api, backend, connected, loop_rooms):
    project_id, _ = connected
    champion = loop_rooms.registry.versions.champion(project_id)
    other = loop_rooms.registry.versions.add(project_id, champion.weights)
    body = request_for(api, project_id)
    seen, ended = [], threading.Event()

    def ask():
        while not ended.is_set():
            answer = backend.post("/predict", json=body)
            seen.append((answer.status_code, frozenset(one["model_version"] for one in answer.json()["results"])))

    def only(version):
        mark = len(seen)
        until(lambda: len(seen) > mark + 12, 60)
        return {versions for _, versions in seen[-8:]} == {frozenset({version})}

    with ThreadPoolExecutor(3) as pool:
        asking = [pool.submit(ask) for _ in range(3)]
        loop_rooms.registry.versions.promote(project_id, other.name, "a test")
        until(lambda: only(other.name), 60)
        loop_rooms.registry.versions.roll_back(project_id, "a test")
        until(lambda: only(champion.name), 60)
        ended.set()
        for thread in asking:
            thread.result()

    assert Counter(status for status, _ in seen).keys() == {200}
    assert all(len(versions) == 1 for _, versions in seen), "a request was answered by two versions"


def test_the_same_version_gives_the_same_predictions_again(api, backend, connected):
    body = request_for(api, connected[0])

    assert backend.post("/predict", json=body).json() == backend.post("/predict", json=body).json()


def test_broken_images_cost_only_themselves(api, backend, connected):
    project_id, _ = connected
    body = request_for(api, project_id)
    files = {"text": ("text.jpg", b"no image"), "cut": ("cut.jpg", picture((300, 300))[:700])}
    for name, (file, content) in files.items():
        api.post(f"/api/projects/{project_id}/import", files={name: (file, content, "image/jpeg")})
    broken = request_for(api, project_id)["tasks"][len(body["tasks"]) :]
    missing = {"id": 10**6, "data": {"image": "/data/upload/1/none.jpg"}}
    no_key = {"id": 10**6 + 1, "data": {"picture": "x"}}
    assert len(broken) == 2

    tasks = [*body["tasks"], *broken, missing, no_key]
    answer = backend.post("/predict", json={**body, "tasks": tasks}).json()

    assert len(answer["results"]) == len(tasks)
    assert len(answer["errors"]) == 4
    good = backend.post("/predict", json=body).json()["results"]
    assert [one["result"] for one in answer["results"][: len(good)]] == [one["result"] for one in good]


def test_images_of_a_local_files_storage_are_read(api, backend, label_studio, local_files, loop_rooms, loop_settings):
    (local_files / "photos").mkdir()
    (local_files / "photos" / "one.jpg").write_bytes(picture((320, 240)))
    project_id = projects.create(api, "Local files", ["item"])
    storage = {"project": project_id, "path": str(local_files / "photos"), "use_blob_urls": True, "title": "photos"}
    created = api.post("/api/storages/localfiles", json=storage).raise_for_status().json()
    api.post(f"/api/storages/localfiles/{created['id']}/sync").raise_for_status()
    body = request_for(api, project_id)
    assert body["tasks"][0]["data"]["image"].startswith("/data/local-files/")

    answer = backend.post("/predict", json=body).json()

    assert "errors" not in answer
    assert answer["results"][0]["model_version"] == "yolo_detector@0.0.0"


def test_metrics_are_of_all_processes(backend):
    assert 'loop_predictions_total{project="' in backend.get("/metrics").text


def test_two_projects_are_served_by_their_own_versions(api, backend, connected, loop_rooms, loop_settings):
    project_id, _ = connected
    other_id, _ = make_project(api, "Other", 1, labels=("item",), seed=6)
    run_loop(loop_settings, "connect", "--project", str(other_id))
    loop_rooms.registry.versions.promote(
        other_id, loop_rooms.registry.versions.add(other_id, loop_rooms.registry.detectors.base()).name, "a test"
    )

    def versions():
        return [
            {one["model_version"] for one in backend.post("/predict", json=request_for(api, one_id)).json()["results"]}
            for one_id in (project_id, other_id)
        ]

    until(lambda: versions() == [{"yolo_detector@0.0.0"}, {"yolo_detector@1.0.0"}], 30)


def start_web_processes_again(loop_up, backend):
    """Kill all web processes, which have the detectors in memory; return when new ones answer."""
    (server,) = children(loop_up, "gunicorn", recursive=False)
    old = server.children()
    for process in old:
        process.kill()
    until(lambda: len(set(server.children()) - set(old)) >= len(old), 60)

    def answers():
        with suppress(httpx.TransportError):
            return backend.get("/health").is_success
        return False

    until(answers, 60)


@pytest.mark.long  # most of a minute: all web processes start twice
def test_a_damaged_version_answers_nothing_and_the_doctor_says_why(api, backend, loop_up, loop_rooms, loop_settings):
    project_id, _ = make_project(api, "Damaged", 2, labels=("item",), seed=7)
    run_loop(loop_settings, "connect", "--project", str(project_id))
    until(lambda: project_of(api, project_id)["model_version"] == "yolo_detector@0.0.0", 60)
    champion = loop_rooms.registry.versions.champion(project_id)
    whole = {path: path.read_bytes() for path in (champion.weights, loop_rooms.registry.served_file(champion))}
    for path, content in whole.items():
        path.write_bytes(content[:100_000])
    try:
        start_web_processes_again(loop_up, backend)
        body = request_for(api, project_id)
        answers = [backend.post("/predict", json=body) for _ in range(8)]
        set_up = backend.post("/setup", json={"project": body["project"], "schema": body["label_config"]})
        diagnosis = {one.check: one for one in doctor(loop_rooms.installation, project_id)}["detector"]
    finally:
        for path, content in whole.items():
            path.write_bytes(content)

    assert {answer.status_code for answer in (*answers, set_up)} == {200}
    assert set_up.json()["model_version"] == "yolo_detector@0.0.0"
    assert [one["result"] for one in answers[0].json()["results"]] == [[], []]
    assert all("is damaged" in error for error in answers[0].json()["errors"].values())
    assert (diagnosis.level, "is damaged" in diagnosis.found) == (Level.WRONG, True)
    until(lambda: "errors" not in backend.post("/predict", json=body).json(), 60)


def test_what_label_studio_does_not_store_is_named_and_the_rest_is_stored(api, connected, loop_rooms):
    project_id, _ = connected
    first, second, third = (task["id"] for task in request_for(api, project_id)["tasks"][:3])
    api.delete(f"/api/tasks/{second}").raise_for_status()
    rows = [
        NewPrediction(task, "a test", 0.5, [ls_region("a", label)])
        for task, label in ((first, "item"), (second, "item"), (third, "no such label"))
    ]

    with pytest.raises(NotStored, match="stored 1 of 2 predictions") as refused:
        loop_rooms.studio.client.store_predictions(project_id, rows)

    assert set(refused.value.reasons) == {third}
    assert "valid labels: ['item']" in refused.value.reasons[third]
    assert loop_rooms.studio.client.named_tasks(project_id, [first])[first].has("a test")


def test_a_project_without_tasks_can_be_connected(api, loop_rooms, loop_settings):
    project_id = projects.create(api, "Empty", ["item"])

    run_loop(loop_settings, "connect", "--project", str(project_id))

    assert "nothing to change" in run_loop(loop_settings, "connect", "--project", str(project_id))


def test_a_project_without_rectangles_is_refused_untouched(api, loop_rooms, loop_settings):
    config = '<View><Text name="t" value="$t"/><Choices name="c" toName="t"><Choice value="x"/></Choices></View>'
    project = api.post("/api/projects", json={"title": "Texts", "label_config": config}).json()

    output = run_loop(loop_settings, "connect", "--project", str(project["id"]), ok=False)

    assert "RectangleLabels" in output
    assert api.get("/api/webhooks/", params={"project": project["id"]}).json() == []
