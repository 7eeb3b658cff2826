"""Whatever form one thing has among others, the others are worked on as if it were not there, and nothing raises."""

import copy
import itertools
import json
import shutil

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from loop.datasets.convert import to_dataset, to_verdicts
from loop.label_studio.states import WebhookState
from loop.label_studio.webhook import PROJECT_HEADER
from loop.reviews.bulk.run import annotate
from loop.serving.refresh import refresh
from loop.settings import Settings
from loop.storage.storable import is_text
from loop.training.after_reviews import rebuild, review, sync
from loop.wiring import build
from tests.builders import CONFIG, created, ls_task, picture, region, served
from tests.fakes import FakeDetectors, FakeImages, FakeLabelStudio, FakeQueue
from tests.mutants import BAD, CAR, EVENTS, GOOD, OPERATION, RAW, annotation, few, full_task, mutants
from tests.reviews.bulk.fakes import BulkStudio
from tests.swap import swap

projects = itertools.count(1000)  # a project for each example: making records anew takes longer than the rest


@pytest.fixture(scope="module")
def rooms(empty_records, tmp_path_factory):
    home = tmp_path_factory.mktemp("fuzz")
    shutil.copy(empty_records, home)
    built = build(Settings.read({"LOOP_HOME": str(home), "LOOP_RETRAIN_AFTER": "1000", "LABEL_STUDIO_API_KEY": "k"}))
    yield swap(
        built, (built.queue, FakeQueue()), (built.studio.client, FakeLabelStudio()), (built.vision.images, FakeImages())
    )
    built.close()


def connected(rooms):
    project = next(projects)
    rooms.studio.projects.save(project, "Cars", CONFIG)
    rooms.serving.predictions.append(
        [served(region("p"), region("q"), task=task, project=project) for task in (1, 2, 3)]
    )
    return project


def worked_on(rooms, project):
    """What is known of the good tasks."""
    counted = rooms.reviews.store.find_counted(project)
    regions = {task: counted[task].review.regions if task in counted else None for task in GOOD}
    verdicts = sorted(
        (row.task_id, str(row.decision)) for row in rooms.rates.store.read_verdicts(project) if row.task_id in GOOD
    )
    return regions, verdicts


def of_project(event, project):
    """The event with the project's id wherever it has one."""
    text = json.dumps(event).replace('"project": 1', f'"project": {project}')
    return json.loads(text.replace('"project": {"id": 1', f'"project": {{"id": {project}'))


@pytest.mark.parametrize("kind", EVENTS)
@given(data=st.data())
@settings(few, max_examples=40)
def test_events(rooms, kind, data):
    project = connected(rooms)
    bad = data.draw(mutants(of_project(EVENTS[kind], project), keep=("action",)))
    good = [of_project(created(*annotation(task)["result"], annotation=task, task=task), project) for task in GOOD]

    for event in (good[0], bad, good[1]):
        rooms.reviews.events.append(project, event["action"], event)
    review(rooms.trainings, project)

    assert worked_on(rooms, project) == expected_of_good(rooms)
    assert not rooms.reviews.events.pending(project)
    assert all(is_text(one.error) and one.error for one in rooms.reviews.events.find_set_aside(project))


def expected_of_good(rooms):
    """What is known of the good tasks where they are alone."""
    if not hasattr(expected_of_good, "known"):
        project = connected(rooms)
        for task in GOOD:
            event = of_project(created(*annotation(task)["result"], annotation=task, task=task), project)
            rooms.reviews.events.append(project, event["action"], event)
        review(rooms.trainings, project)
        expected_of_good.known = worked_on(rooms, project)
        assert len(expected_of_good.known[1]) == 6
    return expected_of_good.known


class Studio(FakeLabelStudio):
    """A Label Studio whose tasks are given; each has an id, which its client sees to."""

    def __init__(self, tasks, project):
        super().__init__(tasks)
        self.fields, self.hooks = {**self.fields, "id": project}, []

    def webhooks(self, project_id):
        return [WebhookState.of(hook) for hook in self.hooks]

    def create_webhook(self, **fields):
        self.hooks.append({"id": 1, **fields})

    def delete_webhook(self, webhook_id):
        pass

    def update_webhook(self, webhook_id, **fields):
        pass

    def store_predictions(self, project_id, predictions):
        self.stored += [prediction.as_row() for prediction in predictions]
        return len(predictions)


@pytest.mark.parametrize("use_case", [sync, rebuild])
@given(data=st.data())
@few
def test_tasks_in_a_sweep(rooms, use_case, data):
    project = connected(rooms)
    tasks = [full_task(task, project) for task in (1, 2, 3)]
    tasks[1] = data.draw(mutants(tasks[1], keep=("id",)))
    rooms = swap(rooms, (rooms.studio.client, Studio(tasks, project)))

    use_case(rooms.trainings, project)
    use_case(rooms.trainings, project)

    assert worked_on(rooms, project) == expected_of_good(rooms)
    assert {one.task_id for one in rooms.reviews.set_aside.all(project)} <= {BAD}


@given(data=st.data())
@few
def test_the_project_and_its_hooks_in_a_sweep(rooms, data):
    project = connected(rooms)
    studio = Studio([full_task(task, project) for task in GOOD], project)
    studio.fields = data.draw(mutants(studio.fields, keep=("id",)))
    hook = {"id": 1, "url": f"{rooms.studio.backend.url}/webhook", "headers": {PROJECT_HEADER: "1"}, "actions": ["A"]}
    studio.hooks = [data.draw(mutants(hook, keep=("id",)))]

    sync(swap(rooms, (rooms.studio.client, studio)).trainings, project)

    assert worked_on(rooms, project) == expected_of_good(rooms)


@pytest.mark.parametrize("operation", [OPERATION, RAW], ids=["regions", "result"])
@given(data=st.data())
@few
def test_operations_in_bulk(rooms, operation, data):
    project = connected(rooms)
    studio = BulkStudio(3)
    bad = data.draw(mutants(operation))
    asked = [copy.deepcopy(OPERATION) | {"task": task, "key": f"good {task}"} for task in GOOD]
    asked.insert(1, bad)

    outcomes = list(
        annotate(
            swap(rooms, (rooms.studio.client, studio)).reviews,
            project,
            [(f"operations[{at}]", one) for at, one in enumerate(asked)],
            lambda at, _: f"unnamed {at}",
        )
    )

    assert [outcomes[0].error, outcomes[2].error] == [None, None]
    assert [len(studio.annotations(task)) for task in GOOD] == [1, 1]
    assert outcomes[1].error is None or is_text(outcomes[1].error)


@pytest.mark.parametrize("label_config", [CONFIG, None], ids=["with-config", "without"])
@given(data=st.data())
@few
def test_tasks_of_an_export(tmp_path_factory, label_config, data):
    export = tmp_path_factory.getbasetemp() / "fuzzed-export.json"
    tasks = [full_task(task, 1) for task in (1, 2, 3)]
    bad = data.draw(mutants(tasks[1]))
    export.write_text(json.dumps([tasks[0], bad, tasks[2]]))

    judged = list(to_verdicts(export, label_config))

    good = {one.task_id: [str(verdict.decision) for verdict in one.verdicts] for one in judged if one.task_id in GOOD}
    assert good == {1: ["confirmed", "missed"], 3: ["confirmed", "missed"]}
    assert all(is_text(one.left_out) for one in judged)


@given(data=st.data())
@settings(few, max_examples=30)
def test_tasks_of_an_export_in_a_dataset(tmp_path_factory, data):
    folder = tmp_path_factory.mktemp("fuzzed-dataset")
    tasks = [ls_task(task, f"/data/upload/1/{task}.jpg", annotations=[annotation(task)]) for task in (1, 2, 3, 4)]
    for number, colour in enumerate(("red", "green", "blue", "white"), start=1):
        (folder / f"{number}.jpg").write_bytes(picture(colour=colour))
    tasks[1] = data.draw(mutants(tasks[1]))
    (folder / "export.json").write_text(json.dumps(tasks))

    snapshot = to_dataset(folder / "export.json", CONFIG, folder, folder / "out")

    labels = {path.stem for path in (snapshot.folder / "labels").rglob("*.txt") if path.read_text()}
    assert {f"task-{task:08d}" for task in (1, 3, 4)} <= labels


@given(data=st.data())
@few
def test_open_tasks_that_a_job_predicts(rooms, tmp_path_factory, data):
    project = connected(rooms)
    weights = tmp_path_factory.getbasetemp() / "some.pt"
    weights.write_bytes(b"weights")
    rooms.registry.versions.promote(project, rooms.registry.versions.add(project, weights).name, "first")
    tasks = [{**full_task(task, project), "annotations": []} for task in (1, 2, 3)]
    tasks[1] = data.draw(mutants(tasks[1], keep=("id", "annotations")))
    studio = Studio(tasks, project)

    refresh(swap(rooms, (rooms.studio.client, studio), (rooms.registry.detectors, FakeDetectors(CAR))).serving, project)

    assert {row["task"] for row in studio.stored} - {BAD} == set(GOOD)
