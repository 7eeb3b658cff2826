"""The overview of a project."""

import pytest

from loop.errors import UpstreamError
from loop.installation.watching.overview import OpenTasks, count_open_tasks, link_studio, read_overview
from loop.reviews.judging import judge_tasks
from tests.builders import box, region, review, served
from tests.fakes import FakeLabelStudio
from tests.swap import swap


def test_a_project_without_a_version_has_an_overview(rooms):
    overview = read_overview(rooms.installation, rooms.studio.projects.get(1))

    assert (overview.champion, overview.confirmed, overview.advice) == (None, None, ())
    assert "no version serves" in overview.status.standings[0].reason


def test_the_champion_comes_with_its_rate_and_the_advice(rooms, tmp_path):
    (tmp_path / "w.pt").write_bytes(b"weights")
    version = rooms.registry.versions.add(1, tmp_path / "w.pt")
    rooms.registry.versions.promote(1, version.name, "better")
    for task in range(1, 41):
        rooms.serving.predictions.append([served(region(f"p{task}", score=0.9), task=task, version=version.name)])
        kept = [region(f"p{task}")] if task % 2 else []
        made = review(*kept, region(f"n{task}", at=box(0.6, 0.6, 0.9, 0.9)), annotation=task, task=task)
        rooms.reviews.store.record(made, {"image": "/data/upload/1/a.jpg"})
        judge_tasks(rooms.reviews, 1, [task])

    overview = read_overview(rooms.installation, rooms.studio.projects.get(1))

    assert (overview.champion.name, overview.champion.why) == (version.name, "better")
    assert overview.status.rates.confirmed_rate == 0.5
    assert 0.3 < overview.confirmed.low < 0.5 < overview.confirmed.high < 0.7
    assert any("missed" in line for line in overview.advice)


@pytest.mark.parametrize(
    ("url", "data"),
    [
        ("http://localhost:8080", "http://localhost:8080/projects/7/data"),
        ("https://user:pass@studio.example.com/ls/", "https://studio.example.com/ls/projects/7/data"),
    ],
)
def test_links_lead_into_label_studio_without_a_password(url, data):
    links = link_studio(url, 7)

    assert (links.project, links.next_task) == (data, f"{data}?labeling=1")
    assert "pass" not in str(links)


def test_a_label_studio_that_is_down_is_said(rooms):
    class Down(FakeLabelStudio):
        def count_open(self, project_id, version=None):
            raise UpstreamError("Label Studio did not answer")

    found = count_open_tasks(swap(rooms, (rooms.studio.client, Down())).installation, rooms.studio.projects.get(1))

    assert found == OpenTasks(trouble="Label Studio did not answer")
