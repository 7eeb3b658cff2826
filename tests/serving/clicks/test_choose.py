"""Which candidate an annotator means by what they drew."""

from dataclasses import replace

from loop.label_studio.interactive.prompts import Drawing, Prompt
from loop.regions import Box, Region
from loop.serving.clicks.choose import choose

CAR = Region("car", Box(0.1, 0.1, 0.9, 0.9), "Car", 0.9)
WHEEL = Region("wheel", Box(0.2, 0.7, 0.35, 0.88), "Wheel", 0.15)
BUS = Region("bus", Box(0.1, 0.1, 0.9, 0.88), "Bus", 0.3)


def at(x, y, **fields):
    return Prompt(Box(x, y, x, y), **fields)


def chosen(*prompts, candidates=(CAR, WHEEL)):
    return [region.id for region in choose(Drawing(prompts), candidates)]


def test_a_rectangle_means_the_box_that_it_fits_not_the_surest_one_around_it():
    assert chosen(Prompt(Box(0.18, 0.68, 0.37, 0.9))) == ["wheel"]
    assert chosen(Prompt(Box(0.05, 0.05, 0.95, 0.95))) == ["car"]


def test_a_rectangle_where_nothing_is_means_nothing():
    assert chosen(Prompt(Box(0.91, 0.91, 1.0, 1.0))) == []
    assert chosen(Prompt(Box(0.6, 0.2, 0.7, 0.3))) == []


def test_a_point_means_the_box_whose_middle_is_near():
    assert chosen(at(0.5, 0.5)) == ["car"]
    assert chosen(at(0.27, 0.79), candidates=(WHEEL, Region("car", CAR.box, "Car", 0.3))) == ["wheel"]
    assert chosen(at(0.99, 0.99)) == []


def test_of_two_boxes_on_one_object_the_one_with_the_chosen_label_is_meant():
    drawn = Box(0.1, 0.1, 0.9, 0.9)

    assert chosen(Prompt(drawn), candidates=(CAR, BUS)) == ["car"]
    assert chosen(Prompt(drawn, "Bus"), candidates=(CAR, BUS)) == ["bus"]
    assert chosen(Prompt(drawn, "Wheel"), candidates=(CAR, WHEEL)) == ["car"]  # the wheel is elsewhere


def test_a_point_where_the_object_is_not_leaves_out_the_boxes_around_it():
    assert chosen(at(0.27, 0.79), at(0.6, 0.3, is_positive=False)) == ["wheel"]


def test_several_prompts_give_a_box_each_and_none_twice():
    assert chosen(at(0.5, 0.5), Prompt(Box(0.18, 0.68, 0.37, 0.9)), at(0.5, 0.45)) == ["car", "wheel"]


def test_without_prompts_or_candidates_nothing_is_chosen():
    assert chosen() == []
    assert chosen(at(0.5, 0.5), candidates=()) == []


def test_a_box_without_a_label_of_ours_takes_the_chosen_one_where_no_other_is_meant():
    drawn, lorry = Box(0.1, 0.1, 0.9, 0.9), Region("lorry", BUS.box, "lorry", 0.8)

    assert choose(Drawing((Prompt(drawn, "Bus"),)), [], [lorry]) == [replace(lorry, label="Bus")]
    assert choose(Drawing((Prompt(drawn),)), [], [lorry]) == []
    assert choose(Drawing((Prompt(drawn, "Bus"),)), [CAR], [lorry]) == [CAR]
    assert (
        choose(
            Drawing(
                (
                    Prompt(drawn, "Bus"),
                    at(0.5, 0.5, is_positive=False),
                )
            ),
            [],
            [lorry],
        )
        == []
    )


def test_an_object_that_has_its_box_on_the_canvas_is_not_meant():
    beside = Region("beside", Box(0.2, 0.1, 1.0, 0.9), "Car", 0.2)
    drawn = (Prompt(Box(0.15, 0.1, 0.95, 0.9), "Car"),)

    assert choose(Drawing(drawn), [CAR, beside]) == [CAR]
    assert choose(Drawing(drawn, (CAR.box,)), [CAR, beside]) == []  # the one beside overlaps it by 0.78
    assert choose(Drawing(drawn, (CAR.box,)), [CAR, replace(beside, box=Box(0.28, 0.1, 1.0, 0.9))]) != []
    assert choose(Drawing(drawn, (CAR.box,)), [], [replace(CAR, label="auto")]) == []
