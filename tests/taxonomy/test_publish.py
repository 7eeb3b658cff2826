"""Matches and the views of categories, in Label Studio."""

from copy import deepcopy

import pytest

from loop.errors import Refused
from loop.label_studio.match_control import find_control
from loop.label_studio.tasks import read_tasks
from loop.label_studio.views import View, write_view
from loop.regions import Box
from loop.registry.loaded_version import LoadedVersion
from loop.serving.store_predictions import Batches
from loop.taxonomy.publish import publish, publish_views
from loop.taxonomy.result import TaskMatches
from loop.taxonomy.taxonomy import Node, Taxonomy
from loop.taxonomy.views import plan_views
from loop.taxonomy.voting import Match
from tests.builders import ls_annotation, ls_region, ls_task
from tests.fakes import FakeDetector, FakeImages, FakeLabelStudio
from tests.swap import swap
from tests.taxonomy.builders import ANIMALS, TAXONOMY, config

VERSION = "yolo_detector@1.0.0"
BIRD = Match("bird", 0.8)


def predicted(task, *, version=VERSION):
    return {"id": task, "task": task, "model_version": version, "score": 0.5, "result": [ls_region(f"r{task}")]}


@pytest.fixture
def ready(rooms, tmp_path):
    """A project with a champion and three predicted tasks, the first of them reviewed."""
    (tmp_path / "some.pt").write_bytes(b"weights")
    rooms.registry.versions.promote(1, rooms.registry.versions.add(1, tmp_path / "some.pt").name, "first")
    rooms.studio.projects.save(1, "Birds", config(TAXONOMY))
    tasks = [ls_task(task, predictions=[predicted(task)]) for task in (1, 2, 3)]
    tasks[0]["annotations"] = [ls_annotation(ls_region("r1"))]
    return swap(rooms, (rooms.studio.client, FakeLabelStudio(tasks)))


def shown(rooms, task):
    (prediction,) = rooms.studio.client.tasks[task - 1]["predictions"]
    return [one["value"]["taxonomy"] for one in prediction["result"] if one["type"] == "taxonomy"]


def published(rooms, matches):
    return publish(rooms.taxonomies, rooms.studio.projects.get(1), ANIMALS, matches)


def test_matches_are_shown_in_the_predictions_and_only_what_differs_is_written(ready):
    summary = published(ready, {1: {"r1": BIRD}, 2: {"r2": BIRD}, 3: {"r3": Match(None, 0.1)}})
    again = published(ready, {1: {"r1": BIRD}, 2: {"r2": Match("animal", 0.5)}, 3: {}})

    assert "2 predictions show other matches now, 1 showed theirs" in summary
    assert "1 predictions show other matches now, 2 showed theirs" in again
    assert ready.studio.client.patched == [1, 2, 2]
    assert shown(ready, 2) == [[["ANIMAL"]]]


def test_annotations_and_other_versions_are_left_alone(ready):
    task = ready.studio.client.tasks[0]
    task["predictions"].append(predicted(1, version="yolo_detector@0.9.0") | {"id": 99})
    before = deepcopy((task["annotations"], task["predictions"][1]))

    published(ready, {1: {"r1": BIRD}})

    assert (task["annotations"], task["predictions"][1]) == before
    assert ready.studio.client.patched == [1]


class Refusing(FakeLabelStudio):
    def update_prediction(self, prediction_id, **changes):
        if prediction_id == 2:
            raise Refused("Label Studio answered 400: no", 400)
        super().update_prediction(prediction_id, **changes)


def test_a_task_that_label_studio_refuses_costs_only_itself(ready):
    ready = swap(ready, (ready.studio.client, Refusing(ready.studio.client.tasks)))

    summary = published(ready, {task: {f"r{task}": BIRD} for task in (1, 2, 3)})

    assert "task 2: Label Studio answered 400: no" in summary
    assert ready.studio.client.patched == [1, 3]


def test_a_task_that_is_gone_and_a_result_that_is_none_cost_only_themselves(ready):
    ready.studio.client.tasks[1]["predictions"][0]["result"] = ["nonsense"]

    assert "1 predictions" in published(ready, {task: {f"r{task}": BIRD} for task in (2, 3, 4)})


def test_what_is_known_at_once_is_stored_at_once(ready):
    ready = swap(
        ready, (ready.vision.images, FakeImages()), (ready.studio.client, FakeLabelStudio([ls_task(4), ls_task(5)]))
    )
    project = ready.studio.projects.get(1)
    served = LoadedVersion(VERSION, FakeDetector((Box(0, 0, 0.5, 0.5), "aves", 0.9), class_names=("aves",)))
    control = find_control(project.label_config)

    def matching(suggestions):
        return {
            suggestion.task_id: TaskMatches({region.id: BIRD for region in suggestion.shown}, ANIMALS, control)
            for suggestion in suggestions
            if suggestion.task_id == 4
        }

    list(Batches(ready.serving, project, served, "x", match=matching).run(read_tasks(ready.studio.client.tasks)))

    assert [len(one["result"]) for one in ready.studio.client.stored] == [2, 1]
    assert "0 predictions show other" in published(
        ready, {4: {ready.studio.client.stored[0]["result"][0]["id"]: BIRD}, 5: {}}
    )


def test_without_a_champion_nothing_is_shown(rooms):
    assert "nothing serves yet" in publish(rooms.taxonomies, rooms.studio.projects.get(1), ANIMALS, {1: {"r1": BIRD}})
    assert "nothing serves yet" in publish_views(rooms.taxonomies, 1, ANIMALS)


def titles(rooms):
    return [tab["data"]["title"] for tab in rooms.studio.client.tabs]


def values(tab):
    return [item["value"] for item in tab["data"]["filters"]["items"]]


def test_every_node_has_one_view_in_the_order_of_the_tree(ready):
    publish_views(ready.taxonomies, 1, ANIMALS)
    summary = publish_views(ready.taxonomies, 1, ANIMALS)

    assert "0 added, 0 changed, 0 deleted" in summary
    assert titles(ready) == ["Category: Animal", "Category: Bird", "Category: owl", "Category: Plant"]
    assert values(ready.studio.client.tabs[1]) == [f'"{VERSION} Bird"']


def test_a_view_finds_its_node_and_what_is_below(ready):
    publish_views(ready.taxonomies, 1, ANIMALS)
    published(ready, {1: {"r1": Match("owl", 0.5)}, 2: {"r2": Match("animal", 0.5)}})

    keys = [
        task["predictions"][0]["result"][0].get("meta", {}).get("categories", []) for task in ready.studio.client.tasks
    ]
    animal, bird, owl, plant = (
        [n for n, key in enumerate(keys, 1) if values(tab)[0].strip('"') in key] for tab in ready.studio.client.tabs
    )
    assert (animal, bird, owl, plant) == ([1, 2], [1], [1], [])


def test_a_view_follows_a_new_champion_and_keeps_what_people_set_on_it(ready, tmp_path):
    publish_views(ready.taxonomies, 1, ANIMALS)
    ready.studio.client.tabs[0]["data"] |= {"columnsWidth": {"x": 1}, "ordering": ["-tasks:id"]}
    (tmp_path / "next.pt").write_bytes(b"more")
    ready.registry.versions.promote(1, ready.registry.versions.add(1, tmp_path / "next.pt").name, "better")

    assert "4 changed" in publish_views(ready.taxonomies, 1, ANIMALS)

    first = ready.studio.client.tabs[0]
    assert values(first) == ['"yolo_detector@1.1.0 Animal"']
    assert (first["data"]["columnsWidth"], first["data"]["ordering"]) == ({"x": 1}, ["-tasks:id"])


def test_views_of_nodes_that_are_gone_are_deleted_and_no_others(ready):
    publish_views(ready.taxonomies, 1, ANIMALS)
    copy = deepcopy(ready.studio.client.tabs[1]["data"]) | {"title": "Category: Bird copy"}
    narrowed = deepcopy(ready.studio.client.tabs[2]["data"])
    narrowed["filters"]["items"].append(
        {"filter": "filter:tasks:id", "operator": "equal", "type": "Number", "value": 1}
    )
    ready.studio.client.tabs[2]["data"] = narrowed
    for data in (copy, {"title": "Category: mine"}, {"title": "Default", "filters": None}):
        ready.studio.client.tabs.append({"id": len(ready.studio.client.tabs) + 1, "data": data})

    publish_views(ready.taxonomies, 1, Taxonomy((Node("animal", "Animal"), Node("plant", "Plant"))))

    assert titles(ready) == [
        "Category: Animal",
        "Category: owl",  # somebody narrowed it
        "Category: Plant",
        "Category: Bird copy",
        "Category: mine",
        "Default",
    ]


def test_only_our_filter_of_a_view_that_somebody_changed_is_renewed():
    tree = Taxonomy((Node("bird", "Bird"),))
    extra = {"filter": "filter:tasks:id", "operator": "equal", "type": "Number", "value": 1}
    (bird,) = plan_views(tree, VERSION, [], most=9).added
    bird = deepcopy(write_view(bird))
    bird["filters"]["items"].append(extra)
    gone = deepcopy(bird) | {"title": "Category: Fish"}
    gone["filters"]["items"][0]["value"] = f'"{VERSION} Fish"'
    renamed = deepcopy(bird) | {"title": "Bird"}
    known = [View.of({"id": number, "data": data}) for number, data in enumerate((bird, gone, renamed), start=1)]

    plan = plan_views(tree, "yolo_detector@2.0.0", known, most=9)

    assert (plan.added, plan.gone, [one.id for one in plan.changed]) == ((), (), [1])
    assert [one.value for one in plan.changed[0].conditions] == ['"yolo_detector@2.0.0 Bird"', 1]
    assert write_view(plan.changed[0])["filters"]["items"][1] == extra


def test_a_view_that_two_made_at_once_is_deleted_again(ready):
    publish_views(ready.taxonomies, 1, ANIMALS)
    ready.studio.client.create_view(1, ready.studio.client.views(1)[0])

    publish_views(ready.taxonomies, 1, ANIMALS)

    assert titles(ready).count("Category: Animal") == 1


def test_of_too_many_nodes_the_deepest_have_no_view(ready):
    summary = publish_views(ready.taxonomies, 1, ANIMALS, most=3)

    assert "the 1 deepest nodes have none" in summary
    assert titles(ready) == ["Category: Animal", "Category: Bird", "Category: Plant"]


def test_nodes_of_one_name_have_views_of_their_own():
    nodes = (Node("a", "A"), Node("x", "Other", "a"), Node("b", "B"), Node("y", "other", "b"), Node("z", 'Größe "1%"'))

    plan = plan_views(Taxonomy(nodes), VERSION, [], most=9)

    values_by_title = {view.title: view.conditions[0].value for view in plan.added}
    assert list(values_by_title) == [
        "Category: A",
        "Category: A/Other",
        "Category: B",
        "Category: B/other",
        'Category: Größe "1%"',
    ]
    assert values_by_title['Category: Größe "1%"'] == f'"{VERSION} Gr%C3%B6%C3%9Fe %221%25%22"'
