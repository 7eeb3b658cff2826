"""A whole study on coloured rectangles, whose detector learns in no time."""

import json
from dataclasses import replace

import pytest

from scripts.learning import acquisition, page
from scripts.learning.plan import RunPlan, RunResult
from scripts.learning.replay import replay
from scripts.learning.studio import PROJECT
from tests.fakes import Killed
from tests.learning.fakes import ClumsyLearners, make_lab, train_in_no_time

PLAN = RunPlan("composed", "product", 1, 3, 12, 42, 14, 1)


@pytest.fixture(scope="module")
def run():
    return replay(PLAN, lab=make_lab(), note=lambda _: None)


def test_what_is_labelled_adds_up_and_the_precision_rises_with_it(run):
    assert [each.labelled for each in run.rounds] == [12, 24, 36]
    assert [each.map50_95 for each in run.rounds] == sorted(each.map50_95 for each in run.rounds)
    assert run.rounds[-1].map50_95 > 0.9 > run.rounds[0].map50_95 > 0.0
    assert all(each.low <= each.map50_95 <= each.high for each in run.rounds)
    assert [each.seconds for each in run.rounds] == sorted(each.seconds for each in run.rounds)


def test_all_is_drawn_before_a_version_serves_and_less_with_each_better_version(run):
    first, second, third = run.rounds

    assert first.work == {
        "image": 12,
        "left": 0,
        "moved": 0,
        "relabelled": 0,
        "drawn": first.drawn_without,
        "deleted": 0,
    }
    assert second.work["left"] > 0
    assert second.work["drawn"] + second.work["left"] == second.drawn_without
    assert third.work["drawn"] < second.work["drawn"]
    assert third.edits_an_image < second.edits_an_image < first.edits_an_image


def test_the_same_plan_gives_the_same_result_again(run):
    again = replay(replace(PLAN, rounds=2), lab=make_lab(), note=lambda _: None)

    assert [replace(each, took={}) for each in again.rounds] == [replace(each, took={}) for each in run.rounds[:2]]


def test_the_order_decides_which_images_are_reviewed(run):
    random = replay(replace(PLAN, order="random", rounds=2), lab=make_lab(), note=lambda _: None)

    assert random.rounds[0].boxes == run.rounds[0].boxes  # the first images are drawn by the seed
    assert random.rounds[1].boxes != run.rounds[1].boxes


def test_a_stopped_study_goes_on_and_is_published(tmp_path):
    def study(lab, *more):
        options = ["--orders", "random,full", "--seeds", "1", "--rounds", "2", "--size", "10", "--pool", "28"]
        folders = ["--runs", str(tmp_path / "runs"), "--out", str(tmp_path / "figures")]
        acquisition.main([*options, "--held-out", "14", *folders, *more], lab)

    trainings = []

    def die(project, training):
        trainings.append(training)
        if len(trainings) == 3:
            raise Killed
        train_in_no_time(project, training)

    with pytest.raises(Killed):
        study(replace(make_lab(), prepare=die))
    assert len(list((tmp_path / "runs").iterdir())) == 1
    first = next((tmp_path / "runs").iterdir()).read_bytes()

    study(make_lab())

    assert len(list((tmp_path / "runs").iterdir())) == 2
    assert first in [path.read_bytes() for path in (tmp_path / "runs").iterdir()]
    published = json.loads((tmp_path / "figures" / "acquisition-composed-2x10.json").read_text())
    assert [order["order"] for order in published["orders"]] == ["random"]
    assert published["orders"][0]["seeds"] == 1
    assert (tmp_path / "figures" / "acquisition-composed-2x10.png").stat().st_size > 10_000
    text = write_page(tmp_path)
    assert "python -m scripts.learning.acquisition --data composed --orders random,full --seeds 1 --rounds 2" in text
    assert "| random | 1 | " in text


def write_page(tmp_path):
    (tmp_path / "learning.md").write_text(f"# Learning\n{page.BEGIN}\nold\n{page.END}\nafter\n")
    page.main(tmp_path / "learning.md", tmp_path / "figures")
    text = (tmp_path / "learning.md").read_text()
    assert text.endswith("after\n")
    assert "old" not in text
    return text


def test_the_page_shows_what_the_studies_wrote():
    shown = page.PAGE.read_text().partition(page.BEGIN)[2].partition(page.END)[0]
    studies = [json.loads(path.read_text()) for path in sorted(page.FOLDER.glob("*.json"))]

    assert f"{page.BEGIN}{shown}{page.END}" == page.write_studies(studies)


def test_a_run_is_read_as_it_was_written(run):
    assert RunResult.read(run.write()) == RunResult.read(RunResult.read(run.write()).write())
    assert RunResult.read(run.write()).plan == PLAN


def test_an_order_that_is_none_is_refused(capsys):
    with pytest.raises(SystemExit):
        acquisition.main(["--orders", "random,best"])

    assert "best: expected full, flips, product" in capsys.readouterr().err


def test_each_kind_of_work_is_counted_by_the_verdicts():
    counted = []

    def train(project, training):
        counted.append(project.rooms.reviews.store.new_since(PROJECT, None))
        train_in_no_time(project, training)

    lab = replace(make_lab(), detectors=ClumsyLearners(), prepare=train)
    _, second = replay(replace(PLAN, rounds=2, size=14, pool=28), lab=lab, note=lambda _: None).rounds

    assert counted == [14, 28]  # reviews of empty images count
    work = second.work
    assert work["deleted"] == work["image"] == 14  # on empty images too
    assert work["moved"] > 0
    assert work["relabelled"] > 0
    assert work["left"] + work["moved"] + work["relabelled"] + work["drawn"] == second.drawn_without
    assert work["drawn"] == 0
