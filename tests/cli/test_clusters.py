"""`loop discover` and `loop clusters`, as a person sees them."""

from contextlib import closing

import pytest
from PIL import Image
from typer.testing import CliRunner

from loop import jobs
from loop.cli.running import list_schedule
from loop.cli.tree import app
from loop.discovery.discover import ask_all
from loop.discovery.tracking import Member, NameHint, UnknownCluster
from loop.errors import NoSuchCluster, UnknownProject, UpstreamError
from loop.settings import Settings
from loop.vision.embedders import Embedders
from loop.wiring import build
from tests.builders import CONFIG, box
from tests.cli.runner import loop
from tests.fakes import FakeQueue
from tests.swap import swap

HINT = NameHint("car", 0.41, "[bold]Beetle", 0.5)


@pytest.fixture
def home(tmp_path, monkeypatch):
    """Project 1 with two clusters; the first has a contact sheet."""
    monkeypatch.setenv("LOOP_HOME", str(tmp_path))
    monkeypatch.setenv("COLUMNS", "240")
    with closing(build(migrate=True)) as rooms:
        rooms.studio.projects.save(1, "Cars", CONFIG)
        rooms.discovery.clusters.replace(1, [cluster("abcd1111", 6), cluster("abff2222", 3)], {})
        rooms.discovery.pictures.write_sheet(1, "abcd1111", Image.new("RGB", (8, 8)))
        yield rooms


def cluster(name, size):
    members = [Member(f"{name}-{n}", "", n, "/a.jpg", box(), f"region{n}", "Car", 0.1) for n in range(size)]
    return UnknownCluster(name, tuple(members[:-1]), tuple(members[-1:]), 0.71, 0.83, HINT)


def test_the_clusters_are_listed_the_largest_first(home):
    shown = loop("clusters", "list", "--project", "1")

    first, second = shown.splitlines()[1:3]
    assert first.split()[:6] == ["abcd1111", "open", "5", "1", "0.71", "0.83"]
    assert "car 0.41" in first
    assert "[bold]Beetle 50%" in first
    assert second.split()[0] == "abff2222"
    assert "likely: boxes of no cluster that look like its members" in shown


def test_a_cluster_is_shown_with_its_members_and_where_its_pictures_are(home):
    shown = loop("clusters", "show", "abcd", "--project", "1")

    assert "perhaps [bold]Beetle (50%), nearest to car (0.41), stability 0.83" in shown
    assert str(home.discovery.pictures.sheet_path(1, "abcd1111")) in shown
    assert "region0" in shown
    assert "5 members, 1 likely ones, 6 tasks" in shown
    assert "no contact sheet" in loop("clusters", "show", "abff", "--project", "1")


def test_a_dismissed_cluster_is_listed_only_with_all(home):
    assert "does not come back" in loop("clusters", "dismiss", "abcd1", "--project", "1")

    assert "abcd1111" not in loop("clusters", "list", "--project", "1")
    assert "dismissed" in loop("clusters", "list", "--project", "1", "--all")
    loop("clusters", "dismiss", "abff", "--project", "1")
    assert "no clusters" in loop("clusters", "list", "--project", "1")


def test_an_id_that_is_not_clear_names_those_that_are_meant(home):
    with pytest.raises(NoSuchCluster, match="2 clusters begin with 'ab'; they are: abcd1111, abff2222"):
        loop("clusters", "show", "ab", "--project", "1")


@pytest.mark.parametrize("command", [("list",), ("dismiss", "abcd"), ("promote", "abcd", "--name", "x")])
def test_a_project_that_is_not_connected_is_named(home, command):
    with pytest.raises(UnknownProject):
        loop("clusters", *command, "--project", "2")


def test_without_label_studio_nothing_is_promoted(home):
    with pytest.raises(UpstreamError):
        loop("clusters", "promote", "abcd", "--project", "1", "--name", "Beetle")

    assert "open" in loop("clusters", "list", "--project", "1")


def test_a_policy_that_makes_no_sense_is_refused(home):
    done = CliRunner().invoke(app, ["discover", "--project", "1", "--method", "kmeans", "--clusters", "0"])

    assert done.exit_code == 2
    assert "--clusters" in done.output


def test_every_project_is_asked_for_where_something_is_embedded(home):
    rooms = swap(home, (home.queue, FakeQueue()))
    home.studio.projects.save(2, "Others", CONFIG)

    assert ask_all(rooms.discovery) == "asked: discover [1, 2]"
    assert ask_all(swap(rooms, (rooms.vision.embedders, Embedders("none"))).discovery) == "nothing is embedded"

    assert rooms.queue.asked == [("discover", 1), ("discover", 2)]


@pytest.mark.parametrize(("seconds", "count"), [("3600", [3600]), ("0", [])], ids=["hourly", "never"])
def test_the_schedule_discovers_as_often_as_is_set(seconds, count):
    planned = list_schedule(Settings.read({"LOOP_DISCOVER_EVERY": seconds}))

    assert [every for job, every in planned if job is jobs.discover_all] == count
