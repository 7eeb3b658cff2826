"""The pages of clusters, and the decisions that people make on them, without a browser."""

import re

import pytest

from loop.discovery.cluster_record import ClusterState
from loop.discovery.decide import dismiss, promote
from loop.label_studio.label_config import parse
from tests.backend.dashboard.builders import HOSTILE, PAGE, PROJECT
from tests.backend.dashboard.clusters.builders import ONE, TWO, with_clusters
from tests.job_queue.builders import queued

PATH = f"/loop/projects/{PROJECT}/clusters/"


@pytest.fixture
def rooms(filled):
    return with_clusters(filled)


def send(operator, action, **fields):
    shown = operator.get(PATH, headers=PAGE).text
    token = re.search(r'name="csrf_token" value="([^"]+)"', shown)[1]
    answer = operator.post(f"{PATH}{action}", data={"csrf_token": token, **fields}, headers=PAGE)
    assert answer.status_code == 303, answer.text
    return re.findall(r'<p class="message (\w+)"[^>]*>(.*?)</p>', operator.get(answer.location, headers=PAGE).text)


def state(rooms, name):
    return rooms.discovery.clusters.find(PROJECT, name).state


def test_the_page_lists_open_and_decided_clusters(rooms, operator):
    promote(rooms.discovery, PROJECT, TWO, "Leaf")

    text = operator.get(PATH).text

    assert "70 boxes on 12 tasks" in text
    assert ">promoted</span> Leaf" in text
    assert f"{PATH}{ONE}/sheet.jpg" in text


def test_a_project_without_clusters_says_how_they_come(filled, operator):
    text = operator.get("/loop/projects/1/clusters/").text

    assert "No cluster waits for a decision" in text
    assert "Map of the unknown" not in text
    assert "No map is on this machine" in operator.get("/loop/projects/1/clusters/map/").text


def test_a_promotion_says_what_changed_and_what_follows(rooms, operator):
    messages = send(operator, "promote", cluster=ONE, name=" Leaf ", parent="")

    assert [kind for kind, _ in messages] == ["note", "done"]
    assert f"70 boxes of cluster {ONE} are Leaf" in messages[1][1]
    assert "Its boxes become references within minutes" in messages[0][1]
    assert rooms.discovery.clusters.find(PROJECT, ONE).name == "Leaf"
    assert "Leaf" in parse(rooms.studio.client.fields["label_config"]).label_names
    (entry,) = rooms.taxonomies.store.all(PROJECT)
    assert entry.why == f"cluster {ONE} is Leaf"


def test_a_promotion_under_a_parent_and_its_undo(rooms, operator):
    promote(rooms.discovery, PROJECT, TWO, "Plant")
    send(operator, "promote", cluster=ONE, name="Leaf", parent="plant")
    assert rooms.taxonomies.store.current(PROJECT).by_id["leaf"].parent == "plant"

    messages = send(operator, "undo", cluster=ONE, why="it is moss")

    assert messages[1][1].startswith(f"the boxes of cluster {ONE} are not Leaf any more; removed the label Leaf")
    assert state(rooms, ONE) == ClusterState.OPEN
    assert "leaf" not in rooms.taxonomies.store.current(PROJECT).by_id


def test_a_dismissal_and_its_undo(rooms, operator):
    send(operator, "dismiss", cluster=TWO)
    assert state(rooms, TWO) == ClusterState.DISMISSED

    send(operator, "undo", cluster=TWO, why="a wrong click")

    assert state(rooms, TWO) == ClusterState.OPEN


def test_on_a_stale_page_a_person_reads_what_was_decided_meanwhile(rooms, operator):
    promote(rooms.discovery, PROJECT, ONE, "Leaf")
    dismiss(rooms.discovery, PROJECT, TWO)

    assert send(operator, "promote", cluster=ONE, name="Moss")[0] == (
        "error",
        f"cluster {ONE} was promoted to Leaf; <code>loop clusters list</code> shows how it stands",
    )
    assert send(operator, "dismiss", cluster=ONE)[0][0] == "error"
    assert send(operator, "promote", cluster=TWO, name="Moss")[0][0] == "error"
    assert send(operator, "promote", cluster="cccc", name="Moss")[0][0] == "error"
    assert rooms.discovery.clusters.find(PROJECT, ONE).name == "Leaf"


def test_two_people_who_give_one_name_to_a_cluster_both_read_that_it_has_it(rooms, operator):
    send(operator, "promote", cluster=ONE, name="Leaf")

    assert "is Leaf already: nothing to change" in send(operator, "promote", cluster=ONE, name="Leaf")[1][1]


def test_a_name_that_cannot_be_is_refused_and_nothing_changes(rooms, operator):
    for fields in ({"name": " "}, {"name": "x" * 201}, {"name": "a\0b"}, {"name": "Leaf", "parent": "nowhere"}):
        assert send(operator, "promote", cluster=ONE, **fields)[0][0] == "error"

    assert state(rooms, ONE) == ClusterState.OPEN


def test_a_discovery_is_a_queued_job(rooms, operator):
    messages = send(operator, "discover")

    assert f"job discover-{PROJECT}" in messages[0][1]
    assert rooms.queue.asked[-1] == ("discover", PROJECT)
    rooms.queue.listed = [queued("discover")]
    assert f'At work: <a href="/loop/jobs/discover-{PROJECT}">discovery</a>.' in operator.get(PATH).text


def test_a_get_changes_nothing(rooms, operator):
    for action in ("discover", "promote", "dismiss", "undo"):
        assert operator.get(f"{PATH}{action}", follow_redirects=True).status_code == 404


def test_pictures_are_sent_as_they_are_and_gone_ones_are_named(rooms, operator):
    assert operator.get(f"{PATH}{ONE}/sheet.jpg").mimetype == "image/jpeg"
    assert operator.get(f"{PATH}{TWO}/sheet.jpg").status_code == 404
    assert operator.get(f"{PATH}..%2f..%2f/sheet.jpg").status_code == 404
    assert operator.get(f"{PATH}map.json").json["clusters"] == [ONE, TWO]
    assert operator.get("/loop/projects/1/clusters/map.json").status_code == 404
    assert "The picture of this cluster is not on this machine" in operator.get(PATH).text


def test_the_boxes_of_a_cluster_come_in_pages(rooms, operator):
    first, second = operator.get(f"{PATH}{ONE}/").text, operator.get(f"{PATH}{ONE}/?first=60").text

    assert (first.count('class="crop"'), second.count('class="crop"')) == (60, 15)
    assert "1 to 60 of 75" in first
    assert "61 to 75 of 75" in second
    for odd in ("?first=x", "?first=-5", "?first=99999999999999999999", "?first=74"):
        assert operator.get(f"{PATH}{ONE}/{odd}").status_code == 200
    assert operator.get(f"{PATH}cccc/").status_code == 404


def test_hostile_names_stand_as_text(rooms, operator):
    for path in (PATH, f"{PATH}{ONE}/", f"{PATH}map/"):
        assert HOSTILE not in operator.get(path).text
        assert "<img src=x" not in operator.get(path).text
