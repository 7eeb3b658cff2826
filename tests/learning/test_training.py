"""A study of training policies on coloured rectangles, and what such a study says."""

import json
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest

from loop.training import trainer
from loop.training.trainer import TrainingPolicy
from scripts.learning import page, shifted, training
from scripts.learning.plan import ARRIVAL, TRAIN_CPU, RunPlan, RunResult
from scripts.learning.replay import replay
from scripts.learning.study_policy import StudyPolicy
from scripts.learning.training_summary import summarise_policies
from tests.learning.fakes import Learners, draw_scenes, make_lab, train_in_no_time
from tests.learning.test_summary import run

PLAN = RunPlan("composed", ARRIVAL, 1, 2, 10, 20, 14, 1, policy="default")


def make_shifted_lab(prepare=train_in_no_time):
    lab = make_lab()
    data = replace(lab.data["composed"], earlier=lambda count: draw_scenes("earlier", count // 2))
    return replace(lab, data={"composed": data}, prepare=prepare)


def test_every_policy_trains_as_it_says_on_the_same_images(tmp_path):
    trainings = []

    def train(project, asked):
        reviews = list(project.rooms.reviews.store.latest(1))
        trainings.append((project.rooms.trainings.policy, project.rooms.datasets.policy.selection, reviews))
        train_in_no_time(project, asked)

    options = ["--data", "composed", "--policies", "default,freeze=10+epochs=3+replay_share=0.5", "--seeds", "1"]
    sizes = ["--rounds", "2", "--size", "10", "--held-out", "14", "--epochs", "2"]
    folders = ["--runs", str(tmp_path / "runs"), "--out", str(tmp_path / "figures")]
    training.main([*options, *sizes, *folders], make_shifted_lab(train))

    assert [(policy.epochs, policy.freeze) for policy, _, _ in trainings] == [(2, 0), (2, 0), (3, 10), (3, 10)]
    assert [selection.replay_share for _, selection, _ in trainings] == [1.0, 1.0, 0.5, 0.5]
    assert [sorted(reviews) for _, _, reviews in trainings] == [list(range(1, 11)), list(range(1, 21))] * 2
    names = {path.name for path in (tmp_path / "runs").iterdir()}
    assert "composed-arrival-s1-r2-n10-p20-h14-e2-warm-default.json" in names
    assert "composed-arrival-s1-r2-n10-p20-h14-e2-warm-freeze=10+epochs=3+replay_share=0.5.json" in names
    study = json.loads((tmp_path / "figures" / "training-composed-2x10.json").read_text())
    shown = page.write_studies([study])
    assert (
        "--policies default,freeze=10+epochs=3+replay_share=0.5 --seeds 1 --rounds 2 --size 10 --held-out 14" in shown
    )
    assert "| freeze=10+epochs=3+replay_share=0.5 | 1 | " in shown
    assert "mAP50-95 by round" in shown
    assert (tmp_path / "figures" / "training-composed-2x10.png").stat().st_size > 10_000

    training.main([*options, *sizes, *folders, "--subject", "replay"], make_shifted_lab(train))  # no run is run again

    beside = json.loads((tmp_path / "figures" / "training-composed-2x10-replay.json").read_text())
    assert {**study, "measured_at": 0, "machine": 0, "subject": "replay"} == {**beside, "measured_at": 0, "machine": 0}
    shown = page.write_studies([beside])
    assert "### Training, composed, 2 rounds of 10 images: replay\n" in shown
    assert "--epochs 2 --subject replay`" in shown
    assert len(trainings) == 4


def test_a_version_is_also_measured_on_images_of_what_came_first():
    first, second = replay(PLAN, lab=make_shifted_lab(), note=lambda _: None).rounds

    assert 0 < first.earlier < second.earlier
    assert first.took[TRAIN_CPU] > 0


def test_a_training_starts_from_the_base_only_in_the_run_that_says_so(tmp_path):
    (tmp_path / "base.pt").write_text("skill 0")

    class WithBase(Learners):
        def base(self):
            return tmp_path / "base.pt"

    detectors, starts = WithBase(), []

    def train(project, asked):
        starts.append(project.rooms.trainings.registry.detectors.to_train(Path("champion.pt")))
        train_in_no_time(project, asked)

    lab = replace(make_lab(), detectors=detectors, prepare=train)
    for policy in ("start=base", "start=champion"):
        replay(replace(PLAN, rounds=1, policy=policy), lab=lab, note=lambda _: None)

    assert starts == [tmp_path / "base.pt", Path("champion.pt")]


def test_arguments_of_ultralytics_are_those_of_the_policy_within_its_block(tmp_path):
    policy = StudyPolicy.read("warmup_epochs=1+close_mosaic=0+epochs=40")

    with policy.apply(Learners()):
        inside = trainer.arguments(tmp_path, TrainingPolicy())

    assert inside == {**trainer.arguments(tmp_path, TrainingPolicy()), "warmup_epochs": 1.0, "close_mosaic": 0}
    assert policy.variables == {"LOOP_EPOCHS": "40"}


@pytest.mark.parametrize("text", ["freeze", "speed=3", "start=here", "close_mosaic=many", ""])
def test_a_policy_that_cannot_be_is_refused(text, capsys):
    with pytest.raises(SystemExit):
        training.main(["--policies", f"default,{text}"])

    assert "--policies" in capsys.readouterr().err


def test_runs_without_a_policy_are_named_and_written_as_ever():
    plan = RunPlan("composed", "random", 1, 4, 30, 240, 120, 30)
    written = json.loads(RunResult(plan, run("random", 1, 0.1).rounds).write())

    assert plan.name == "composed-random-s1-r4-n30-p240-h120-e30-warm"
    assert "policy" not in written["plan"]
    assert "earlier" not in written["rounds"][0]
    assert RunResult.read(json.dumps(written)).plan == plan


def test_a_run_without_a_policy_trains_as_the_finished_ones_did():
    policies = []

    def train(project, asked):
        policies.append(project.rooms.trainings.policy)
        train_in_no_time(project, asked)

    for policy in (None, "default"):
        plan = replace(PLAN, order="random", rounds=1, policy=policy)
        replay(plan, lab=replace(make_lab(), prepare=train), note=lambda _: None)

    assert [policy.least_steps for policy in policies] == [0, TrainingPolicy().least_steps]


def test_the_policy_of_a_study_of_orders_is_in_its_command():
    plan = RunPlan("composed", "random", 1, 1, 20, 100, 50, 5, policy="default")
    study = {"study": "acquisition", "data": "composed", "machine": {"cores": 2}, "measured_at": "2026-11-27"}

    shown = page.write_studies([{**study, "runs": [RunResult(plan, run("random", 1, 0.1).rounds).as_row()]}])

    assert "--orders random --seeds 1 --rounds 1 --size 20 --pool 100 --policy default --held-out 50" in shown
    assert "| random | 1 | " in shown


def with_policy(policy, seed, *precisions, seconds=10.0):
    """A run whose precision on what came first is half of its precision."""
    whole = run("arrival", seed, *precisions)
    rounds = [replace(each, took={TRAIN_CPU: seconds}, earlier=each.map50_95 / 2) for each in whole.rounds]
    return RunResult(replace(whole.plan, policy=policy), tuple(rounds))


def test_a_policy_is_compared_with_the_default_of_the_same_seed():
    runs = [
        with_policy("default", 1, 0.1, 0.2),
        with_policy("default", 2, 0.3, 0.4),
        with_policy("start=base", 1, 0.0, 0.1, seconds=20),
        with_policy("start=base", 2, 0.2, 0.3, seconds=20),
    ]

    _, base = summarise_policies(runs)

    assert (base.last_gain.mean, base.last_gain.high) == (pytest.approx(-0.1), pytest.approx(-0.1))
    assert base.area_gain.mean == pytest.approx(-0.1)
    assert base.earlier_gain.mean == pytest.approx(-0.05)
    assert [each.mean for each in base.earlier] == [pytest.approx(0.05), pytest.approx(0.1)]
    assert (base.seconds.mean, base.cost.mean) == (pytest.approx(40), pytest.approx(2))
    assert base.outcomes == {"promoted": 4}


def test_without_the_default_policy_nothing_is_compared():
    (base,) = summarise_policies([with_policy("start=base", 1, 0.1)])

    assert (base.last_gain, base.area_gain, base.earlier_gain, base.cost) == (None, None, None, None)


def test_the_second_half_of_a_shifted_pool_shows_other_classes():
    pool = shifted.compose_pool(21, seed=1)

    halves = [Counter(label for scene in part for label, _ in scene.objects) for part in (pool[:11], pool[11:])]

    assert [set(half) for half in halves] == [set(shifted.FIRST), set(shifted.SECOND)]
    assert len({scene.name for scene in pool}) == 21


def test_what_came_first_is_measured_on_cut_outs_that_no_pool_has():
    shown = {stamp for scene in shifted.compose_pool(60, seed=1) for stamp in scene.stamps}
    earlier = shifted.compose_held_out(20, shifted.FIRST)

    assert {label for scene in earlier for label, _ in scene.objects} == set(shifted.FIRST)
    assert not shown & {stamp for scene in earlier for stamp in scene.stamps}
