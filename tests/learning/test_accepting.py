"""The study of `loop accept` on the predictions of a trained version."""

from dataclasses import replace

from loop.rates.accept.evidence import AuditedImage
from scripts.learning import accepting
from scripts.learning.plan import FULL, RunPlan
from tests.learning.fakes import draw_scenes, make_lab

PLAN = RunPlan("composed", FULL, 1, 1, 14, 14, 7, 1, policy="default")


def test_the_wrong_boxes_of_each_image_are_those_that_the_annotator_corrected():
    """The version sees the first two rectangles of an image and misses the others."""
    images = accepting.list_images(PLAN, 21, lab=make_lab())

    objects = [len(scene.objects) for scene in draw_scenes("p", 35, seed=1)[14:]]
    expected = [(min(count, 2), max(count - 2, 0), count) for count in objects if count]
    assert sorted((image.boxes, image.wrong, image.judged) for image in images) == sorted(expected)
    assert {round(image.certainty, 2) for image in images} == {0.9, 0.85}  # 0.9 for the first place, 0.8 for the next


def test_no_image_that_the_version_was_trained_on_is_among_those_that_it_predicts():
    def pool(count, seed):  # in two halves, each of which begins anew, as that of the shifted data
        return [scene for half in "ab" for scene in draw_scenes(half, count // 2, seed)]

    trained = {scene.name for scene in pool(14, 1)}

    others = accepting.choose_others(replace(make_lab().data["composed"], pool=pool), PLAN, 20)

    assert len(others) == 20
    assert trained.isdisjoint(scene.name for scene in others)


def test_audits_of_images_without_a_wrong_box_accept_the_others_and_of_wrong_ones_nothing():
    right = [AuditedImage(0.9, 1, wrong=0, judged=1)] * 600
    wrong = [AuditedImage(0.9, 1, wrong=1, judged=1)] * 600

    assert accepting.draw_audits(right, 300, 0.05, 5) == ("100%", "0.0%", "100%", "0.0%")
    assert accepting.draw_audits(wrong, 300, 0.05, 5) == ("0%", "0.0%", "", "")


def test_a_row_says_what_each_audit_accepts(capsys):
    sizes = ["--pool", "14", "--more", "21", "--seeds", "1", "--audits", "10", "--errors", "0.3", "--draws", "3"]

    accepting.main(sizes, make_lab())

    row = capsys.readouterr().out.splitlines()[-1].split()
    assert row == ["1", "18", "47.6%", "10", "0.3", "0%", "0.0%"]
