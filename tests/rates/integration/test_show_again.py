"""A starred task is shown again to another person by a real Label Studio, once, and changes nothing that counts."""

import re
import secrets
from contextlib import closing

import httpx
import pytest

from loop.rates.annotators.compare import compare_by_annotator
from loop.rates.annotators.show_again import show_again
from loop.reviews.sync import sync
from loop.wiring import build
from scripts.demo.annotator import Annotator
from tests.fakes import FakeQueue
from tests.services import make_project, project_of, settings_of
from tests.swap import swap

pytestmark = pytest.mark.timeout(200)


@pytest.fixture
def colleague(label_studio):
    """A second user of Label Studio, who signed up by themselves."""
    with httpx.Client(base_url=label_studio.url, timeout=60) as client:
        page = client.get("/user/signup/").text
        fields = {
            "csrfmiddlewaretoken": re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', page)[1],
            "email": f"{secrets.token_hex(4)}@example.com",
            "password": secrets.token_hex(8),
        }
        assert client.post("/user/signup/", data=fields, headers={"Referer": label_studio.url}).is_redirect
        client.headers.update({"X-CSRFToken": client.cookies["csrftoken"], "Referer": label_studio.url})
        yield client


@pytest.fixture
def known_rooms(label_studio, tmp_path):
    with closing(build(settings_of(label_studio, tmp_path / "home", LOOP_KNOWN_SHARE="0.5"), migrate=True)) as built:
        yield swap(built, (built.queue, FakeQueue()))


def test_another_person_gets_a_starred_task_once_and_blind(api, colleague, known_rooms):
    project_id, own = make_project(api, "Known answers", 4, labels=("item",), seed=14)
    rooms, other = known_rooms, Annotator(colleague, project_id, [])
    other.__dict__ |= {"_truth": own._truth, "_sizes": own._sizes}
    rooms.studio.projects.save(project_id, "Known answers", project_of(api, project_id)["label_config"])
    rooms.studio.client.update_project(project_id, sampling="Uniform sampling")
    starred, theirs = own.review_next(), other.review_next()
    (star,) = api.get(f"/api/tasks/{starred}/annotations/").json()
    api.patch(f"/api/annotations/{star['id']}/", json={"ground_truth": True}).raise_for_status()
    sync(rooms.reviews, project_id)
    counted = rooms.reviews.store.find_counted(project_id)
    assert counted[starred].review.is_ground_truth

    assert show_again(rooms.rates, project_id) == "1 tasks with a known answer are shown again"

    assert starred in [task.id for task in rooms.studio.client.open_tasks(project_id)]
    assert own.review_next() not in {starred, theirs, None}  # who made the answer gets another task
    served = {}
    while (answer := colleague.get(f"/api/projects/{project_id}/next")).status_code == 200:
        served[answer.json()["id"]] = answer.json()["annotations"]
        other.review_next()
    assert starred in served
    assert served[starred] == []  # the star is not shown

    sync(rooms.reviews, project_id)
    show_again(rooms.rates, project_id)
    task = api.get(f"/api/tasks/{starred}").json()
    assert (task["overlap"], task["is_labeled"]) == (1, True)
    assert len(task["annotations"]) == 2
    assert rooms.reviews.store.find_counted(project_id)[starred] == counted[starred]
    figures = compare_by_annotator(rooms.rates, project_id)
    theirs_by = str(next(each["completed_by"]["id"] for each in task["annotations"] if not each["ground_truth"]))
    assert figures[theirs_by].known_tasks == 1
    assert [figures[name].known_tasks for name in figures if name != theirs_by] == [0]
