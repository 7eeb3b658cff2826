"""What a discovery does in a real Label Studio: a label, a view, the order of the queue."""

from collections import Counter
from contextlib import closing
from dataclasses import replace

import pytest
from playwright.sync_api import expect

from loop.discovery.decide import NOTHING, promote
from loop.discovery.discover import discover
from loop.discovery.undo import undo
from loop.label_studio.label_config import parse
from loop.label_studio.prediction_import import NewPrediction
from loop.label_studio.result_format import write_result
from loop.references.index import index
from loop.regions import Region
from loop.registry import follow
from loop.registry.store import VersionFacts
from loop.reviews.sync import sync
from loop.serving.store import LoggedPrediction
from loop.taxonomy.labelling.open_tasks import label_tasks
from loop.wiring import build
from scripts.demo import project as projects
from tests.builders import NOON, ls_region
from tests.discovery.builders import POLICY, at
from tests.discovery.fakes import RowEmbedders
from tests.fakes import FakeImages, FakeQueue
from tests.references.fakes import FakeReferences
from tests.services import project_of, settings_of
from tests.swap import swap

pytestmark = [
    pytest.mark.timeout(300),
    # Playwright's event loop leaves its pipes to the garbage collector
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]
SHOWN = ["car"] * 8 + ["insect"] * 8 + ["tool"] * 8  # what the tasks show, by the order of their ids


@pytest.fixture
def made(api, label_studio, tmp_path):
    """A project of 24 tasks, each with a prediction; the surest are the cars, then the insects."""
    project_id = projects.create(api, "Discovery", ("item", "Other"))
    tasks = [{"data": {"image": f"/data/upload/x/{n}.jpg"}} for n in range(len(SHOWN))]
    api.post(f"/api/projects/{project_id}/import", json=tasks).raise_for_status()
    with closing(build(settings_of(label_studio, tmp_path / "home"), migrate=True)) as built:
        rooms = swap(
            built,
            (built.vision.embedders, RowEmbedders()),
            (built.references.milvus, FakeReferences()),
            (built.queue, FakeQueue()),
            (built.vision.images, FakeImages()),
        )
        rooms.studio.projects.save(project_id, "Discovery", project_of(api, project_id)["label_config"])
        (tmp_path / "some.pt").write_bytes(b"weights")
        version = rooms.registry.versions.add(project_id, tmp_path / "some.pt", VersionFacts(classes=("item", "Other")))
        rooms.registry.versions.promote(project_id, version.name, "first")
        ids = sorted(rooms.studio.client.task_ids(project_id))
        for n, task_id in enumerate(ids):
            predict(rooms, project_id, task_id, n, version.name)
        follow.follow(rooms.registry, project_id)
        rooms.studio.client.update_project(project_id, sampling="Uncertainty sampling")
        index(rooms.references, project_id)
        yield rooms, project_id, ids


def predict(rooms, project_id, task_id, n, version):
    """The tools are the least certain, then the insects; within each the later the surer."""
    place = at(SHOWN[n], task_id)
    score = round(0.9 - 0.3 * (n // 8) + 0.01 * (n % 8), 2)
    regions = (Region(f"r{n}", place, "item", 0.3),)
    prediction = LoggedPrediction(
        project_id, task_id, version, regions, (), 0.25, score, "queue", 0.05, NOON, f"/data/upload/x/{n}.jpg"
    )
    rooms.serving.predictions.append([prediction])
    stored = NewPrediction(task_id, version, score, [ls_region(f"r{n}", "item")])
    rooms.studio.client.store_predictions(project_id, [stored])


def stored(rooms, project_id):
    """The predictions in Label Studio by task."""
    return {task.id: task.predictions[0] for task in rooms.studio.client.open_tasks(project_id)}


def served(api, project_id, ids, count):
    """Which of the tasks the label stream serves, one after the other, each reviewed."""
    order = []
    for _ in range(count):
        task = api.get(f"/api/projects/{project_id}/next").raise_for_status().json()
        order.append(ids.index(task["id"]))
        api.post(f"/api/tasks/{task['id']}/annotations/", json={"result": [], "lead_time": 1.0}).raise_for_status()
    return order


def test_a_cluster_that_is_promoted_is_a_label_and_a_view(api, made):
    rooms, project_id, ids = made
    discover(rooms.discovery, project_id, POLICY)
    clusters = rooms.discovery.clusters.all(project_id)
    insects = next(
        record.cluster
        for record in clusters
        if {ids.index(member.task) for member in record.cluster.members} == set(range(8, 16))
    )
    before = project_of(api, project_id)["label_config"]

    lines = promote(rooms.discovery, project_id, insects.id, "Insect & Co")

    assert len(lines) == 5, lines
    config = project_of(api, project_id)["label_config"]
    assert parse(config).label_names == ("item", "Other", "Insect & Co")
    assert config.replace('    <Label value="Insect &amp; Co"/>\n', "") == before
    annotation = {"result": [ls_region("new", "Insect & Co")], "lead_time": 1.0}
    api.post(f"/api/tasks/{ids[8]}/annotations/", json=annotation).raise_for_status()
    (view,) = [view for view in rooms.studio.client.views(project_id) if view.title == "Likely Insect & Co"]
    page = api.get("/api/tasks", params={"view": view.id, "fields": "all"}).raise_for_status().json()
    assert {ids.index(task["id"]) for task in page["tasks"]} == set(range(8, 16))
    assert NOTHING in promote(rooms.discovery, project_id, insects.id, "Insect & Co")[0]
    assert project_of(api, project_id)["label_config"] == config


def promote_insects(rooms, project_id, ids):
    """A discovery, and the promotion of the cluster of the insects."""
    discover(rooms.discovery, project_id, POLICY)
    records = rooms.discovery.clusters.all(project_id)
    insects = next(record.cluster for record in records if ids[8] in record.cluster.tasks)
    promote(rooms.discovery, project_id, insects.id, "Insect & Co")
    index(rooms.references, project_id)
    return insects


def shown_labels(rooms, project_id):
    """The labels that Label Studio shows on each open task."""
    return {
        task: [item["value"]["rectanglelabels"] for item in prediction.result]
        for task, prediction in stored(rooms, project_id).items()
    }


def test_an_undone_promotion_leaves_label_studio_as_it_was(api, made):
    rooms, project_id, ids = made
    config, tabs = (
        project_of(api, project_id)["label_config"],
        [view.title for view in rooms.studio.client.views(project_id)],
    )
    labels = shown_labels(rooms, project_id)
    insects = promote_insects(rooms, project_id, ids)
    label_tasks(rooms.taxonomies, project_id)
    assert set(map(str, shown_labels(rooms, project_id).values())) == {"[['item']]", "[['Insect & Co']]"}

    lines = undo(rooms.discovery, project_id, insects.id, "these are leaves")
    label_tasks(rooms.taxonomies, project_id)  # as the job does that the undo asked for
    index(rooms.references, project_id)

    assert "removed the label Insect & Co from the label config" in lines
    assert ("match", project_id) in rooms.queue.asked
    assert project_of(api, project_id)["label_config"] == config
    assert [view.title for view in rooms.studio.client.views(project_id)] == tabs
    assert shown_labels(rooms, project_id) == labels
    assert rooms.references.task_states.read_named(project_id, ids) == {}
    assert NOTHING in undo(rooms.discovery, project_id, insects.id, "again")[0]


def test_a_label_that_a_person_adds_is_suggested_after_one_review_with_it(api, made):
    rooms, project_id, ids = made
    config = project_of(api, project_id)["label_config"].replace("</Rect", '<Label value="Bee"/></Rect')
    api.patch(f"/api/projects/{project_id}/", json={"label_config": config}).raise_for_status()
    bee = write_result([Region("new", at("insect", ids[8]), "Bee")], parse(config), (64, 48))
    api.post(f"/api/tasks/{ids[8]}/annotations/", json={"result": bee, "lead_time": 1.0}).raise_for_status()

    sync(rooms.reviews, project_id)
    index(rooms.references, project_id)
    label_tasks(rooms.taxonomies, project_id)

    shown = [boxes for _, boxes in sorted(shown_labels(rooms, project_id).items())]
    assert shown == [[["item"]]] * 8 + [[["Bee"]]] * 7 + [[["item"]]] * 8


@pytest.mark.parametrize("kind", ["annotations/", "drafts"])
def test_a_label_that_people_have_used_since_stays(api, made, kind):
    rooms, project_id, ids = made
    insects = promote_insects(rooms, project_id, ids)
    used = {"result": [ls_region("new", "Insect & Co")], "lead_time": 1.0}
    api.post(f"/api/tasks/{ids[20]}/{kind}", json=used).raise_for_status()  # our records do not know of it yet
    config = project_of(api, project_id)["label_config"]

    lines = undo(rooms.discovery, project_id, insects.id, "")

    assert any(line.startswith("the label Insect & Co and its node stay: ") for line in lines), lines
    assert project_of(api, project_id)["label_config"] == config
    (kept,) = api.get(f"/api/tasks/{ids[20]}/{kind}").raise_for_status().json()
    assert kept["result"][0]["value"]["rectanglelabels"] == ["Insect & Co"]
    assert "Likely Insect & Co" not in [view.title for view in rooms.studio.client.views(project_id)]


def test_a_person_sees_the_view_in_the_data_manager(api, made, page, label_studio, tmp_path):
    rooms, project_id, ids = made
    discover(rooms.discovery, project_id, POLICY)
    tools = next(
        record.cluster for record in rooms.discovery.clusters.all(project_id) if ids[16] in record.cluster.tasks
    )
    promote(rooms.discovery, project_id, tools.id, "Tool")
    (view,) = [view for view in rooms.studio.client.views(project_id) if view.title == "Likely Tool"]

    page.goto(f"{label_studio.url}/projects/{project_id}/data?tab={view.id}")

    expect(page.get_by_text("Likely Tool").first).to_be_visible(timeout=60_000)
    expect(page.get_by_text(f"Tasks: {len(tools.tasks)} / {len(SHOWN)}")).to_be_visible(timeout=60_000)
    page.get_by_role("button", name="Filters").click()  # opening them changes nothing
    page.wait_for_timeout(2000)
    page.screenshot(path=tmp_path / "view.png")
    expect(page.get_by_text(f"Tasks: {len(tools.tasks)} / {len(SHOWN)}")).to_be_visible()
    (after,) = [stored_view for stored_view in rooms.studio.client.views(project_id) if stored_view.id == view.id]
    assert after.data["filters"] == view.data["filters"]


def test_the_queue_goes_round_the_groups_and_within_each_by_score(api, made):
    rooms, project_id, ids = made
    before = served(api, project_id, ids, 2)
    assert before == [16, 17]  # by score alone
    line = discover(rooms.discovery, project_id, POLICY)
    groups = rooms.serving.groups.all(project_id)
    by_group = Counter(groups[task] for task in ids)

    predictions = stored(rooms, project_id)
    order = served(api, project_id, ids, 12)

    assert line.endswith("22 predictions changed")
    assert {task: prediction.group for task, prediction in predictions.items()} == {
        task: groups[task] for task in predictions
    }
    visited = Counter(groups[ids[n]] for n in order)
    assert set(visited) == set(by_group)
    assert max(visited.values()) - min(visited.values()) <= 1, visited
    for group in by_group:
        of_group = [n for n in order if groups[ids[n]] == group]
        assert of_group == sorted(of_group, key=lambda n: predictions[ids[n]].score)
    assert discover(rooms.discovery, project_id, POLICY).endswith("0 predictions changed")


def test_without_the_setting_the_groups_are_taken_back(made):
    rooms, project_id, _ = made
    discover(rooms.discovery, project_id, POLICY)
    off = swap(rooms, (rooms.serving.policy, replace(rooms.serving.policy, is_spread=False)))

    line = discover(off.discovery, project_id, POLICY)

    assert "24 predictions are in no group any more" in line
    assert {prediction.group for prediction in stored(rooms, project_id).values()} == {None}
    assert rooms.serving.groups.all(project_id) == {}
