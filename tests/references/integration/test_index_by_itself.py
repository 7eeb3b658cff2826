"""Under `loop up`, on a real Label Studio, vectors come by themselves."""

import os
import signal
from contextlib import closing, suppress

import psutil
import pytest

from loop.errors import MilvusDown
from loop.references.entries import CollectionKind
from loop.references.plan import find_source
from loop.wiring import build
from tests.services import children, loop_running, make_project, run_loop, settings_of, until

pytestmark = [pytest.mark.timeout(300), pytest.mark.long]


@pytest.fixture(scope="module")
def loop_settings(label_studio, tmp_path_factory):
    """A loop of its own, that embeds."""
    return settings_of(label_studio, tmp_path_factory.mktemp("embedding"), LOOP_EMBEDDER="yolo:")


@pytest.fixture(scope="module")
def loop_up(loop_settings):
    with loop_running(loop_settings) as process:
        yield process


@pytest.fixture(scope="module")
def rooms(loop_settings, loop_up):
    with closing(build(loop_settings)) as built:
        yield built


@pytest.fixture
def project(api, rooms, loop_settings):
    project_id, annotator = make_project(api, "References", 6, labels=("item",), seed=21)
    run_loop(loop_settings, "connect", "--project", str(project_id))
    return project_id, annotator


def keys(rooms, project_id, kind):
    with suppress(MilvusDown):
        collection = rooms.references.milvus.find(project_id, kind, find_source(rooms.references, project_id).space)
        return collection.keys() if collection else set()
    return set()


def test_reviews_become_references_and_stay_when_milvus_dies(api, rooms, loop_settings, loop_up, project):
    project_id, annotator = project
    until(lambda: keys(rooms, project_id, CollectionKind.DETECTIONS), 90)
    task = annotator.review_next()
    drawn = len(api.get(f"/api/tasks/{task}/annotations/").json()[0]["result"])
    until(lambda: len(keys(rooms, project_id, CollectionKind.REFERENCES)) == drawn, 90)

    (server,) = children(loop_up, "milvus_lite", recursive=False)
    listening = [one.laddr for one in server.net_connections() if one.status == psutil.CONN_LISTEN]
    assert listening == []  # only a socket in a folder of its owner leads to it
    os.kill(server.pid, signal.SIGKILL)
    task = annotator.review_next()
    drawn += len(api.get(f"/api/tasks/{task}/annotations/").json()[0]["result"])
    until(rooms.references.milvus.answers, 60)
    until(lambda: len(keys(rooms, project_id, CollectionKind.REFERENCES)) == drawn, 90)

    (annotation,) = api.get(f"/api/tasks/{task}/annotations/").json()
    api.delete(f"/api/annotations/{annotation['id']}/").raise_for_status()
    left = drawn - len(annotation["result"])
    until(lambda: len(keys(rooms, project_id, CollectionKind.REFERENCES)) == left, 90)


def test_the_commands_say_how_it_stands_and_make_the_view(api, rooms, loop_settings, project):
    project_id, annotator = project
    annotator.review_next()
    until(lambda: rooms.reviews.store.find_counted(project_id), 30)

    built = run_loop(loop_settings, "references", "rebuild", "--project", str(project_id))
    stats = run_loop(loop_settings, "references", "stats", "--project", str(project_id))
    checked = run_loop(loop_settings, "references", "check", "--project", str(project_id), "--view")

    assert "all there" in built
    assert "feature loop://yolo_detector@0.0.0/detection_embedding, also loop://yolo_detector@champion/" in stats
    assert f"loop_p{project_id}_references" in stats  # the alias in Milvus
    assert "FLAT" in stats
    assert "likely label errors" in checked
    views = api.get("/api/dm/views/", params={"project": project_id}).json()
    (view,) = [one for one in views if one["data"]["title"] == "Labels to check"]
    shown = api.get("/api/tasks", params={"view": view["id"]}).raise_for_status().json()
    assert shown["total"] == 0  # nothing to check among so few; the filter is one that Label Studio takes
    run_loop(loop_settings, "references", "check", "--project", str(project_id), "--view")
    assert len(api.get("/api/dm/views/", params={"project": project_id}).json()) == len(views)
