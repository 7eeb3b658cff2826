"""The last round: objects of a new category come up, are clustered, named once, and matched from then on."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import httpx
from rich.table import Table

from loop.discovery.cluster_record import ClusterRecord, ClusterState
from loop.references.plan import find_source, is_due
from loop.regions import Box, Region
from loop.rooms import Rooms
from loop.settings import Settings
from loop.taxonomy.labelling import open_tasks
from loop.taxonomy.recorded_matches import find_region_matches
from scripts.demo import project, scenes, services
from scripts.demo.annotator import scene_name
from scripts.demo.scenes import Scene

NAME, FOLDER, PARENT, NODE = "Insect", "animals/insects", "animal", "insect"
TAXONOMY = Path(__file__).parents[2] / "label_config" / "taxonomy.yaml"
OLD, NEW = 100, 60  # scenes that come up before the category has a name, and after
STEPS = 6  # of the progress bar
SAME_OBJECT = 0.5  # IoU from which a detection shows an object


@dataclass(frozen=True, slots=True)
class CategoryCounts:
    """
    How many insects were matched on a set of scenes.

    *detected* of the *objects* have a box, shown or held back; *right* of these are matched to the category. *wrong*
    counts boxes of other things that are matched to it, too. *shown* insects have a box with that label before anybody
    draws one; *false* counts other boxes with it.
    """

    objects: int
    detected: int
    right: int
    wrong: int
    shown: int
    false: int


@dataclass(frozen=True, slots=True)
class CategoryOutcome:
    """The result: the number of *clusters*, of those that were named, and of their boxes; counts by set of scenes."""

    clusters: int
    named: int
    boxes: int
    rows: Mapping[str, CategoryCounts]


@dataclass(frozen=True, slots=True)
class CategoryRun:
    """The project, and the true scenes of its new tasks by name."""

    settings: Settings
    rooms: Rooms
    client: httpx.Client
    project_id: int
    truth: dict[str, Scene]

    def loop(self, *arguments: str) -> str:
        """Run a command of the loop on the project."""
        return services.loop(self.settings, *arguments, "--project", str(self.project_id))


def compose_scenes() -> tuple[list[Scene], list[Scene]]:
    """Compose scenes that show insects among other things: first scenes, and later scenes."""
    palette, _ = scenes.palettes(classes={**scenes.CLASSES, NAME: FOLDER})
    first = scenes.compose(palette, OLD, seed=3, prefix="newcomer")
    return first, scenes.compose(palette, NEW, seed=4, prefix="later")


def play(run: CategoryRun, say: Callable[[str], None]) -> CategoryOutcome:
    """Run the commands that a person would run, and count the results."""
    first, later = compose_scenes()
    say("new category: references of the reviewed boxes")
    run.loop("taxonomy", "apply", str(TAXONOMY))
    run.loop("references", "build")
    run.loop("taxonomy", "calibrate", "--apply")
    say(f"new category: {OLD} scenes with things that have no label")
    _add_tasks(run, first)
    before = count_matches(run, first)
    say("new category: discovering")
    run.loop("discover")
    clusters = run.rooms.discovery.clusters.all(run.project_id, ClusterState.OPEN)
    named = [record for record in clusters if _shows_insects(run, record)]
    if not named:
        return CategoryOutcome(len(clusters), 0, 0, {"before it has a name": before})
    say(f"new category: naming {len(named)} of {len(clusters)} clusters")
    run.loop("clusters", "promote", *(record.cluster.id for record in named), "--name", NAME, "--parent", PARENT)
    run.loop("references", "build")
    run.loop("taxonomy", "calibrate", "--apply")
    say("new category: matching everything again")
    match_again(run)
    services.wait_until(lambda: not _waits_for_labels(run), "open tasks were not labelled")
    after = count_matches(run, first)
    say(f"new category: {NEW} more scenes")
    _add_tasks(run, later)
    rows = {
        "before it has a name": before,
        "the same scenes, after": after,
        "scenes that came later": count_matches(run, later),
    }
    return CategoryOutcome(len(clusters), len(named), sum(record.cluster.size for record in named), rows)


def table(outcome: CategoryOutcome) -> Table:
    """Return the result as a table for the terminal."""
    title = f"{NAME}s, which had no label: {outcome.named} of {outcome.clusters} clusters show them"
    title += f" ({outcome.boxes} boxes) and got that name"
    shown = Table(title=title, box=None, title_justify="left")
    for heading in ("", "insects", "detected", "matched", "others matched", f"shown as {NAME}", "others shown"):
        shown.add_column(heading, justify="right" if heading else "left", no_wrap=True)
    for name, counts in outcome.rows.items():
        matched, ready = (_share(count, counts.detected) for count in (counts.right, counts.shown))
        numbers = (str(counts.objects), str(counts.detected), matched, str(counts.wrong), ready, str(counts.false))
        shown.add_row(name, *numbers)
    return shown


def _share(count: int, of: int) -> str:
    return f"{count} ({count / of:.0%})" if of else "0"


def _waits_for_labels(run: CategoryRun) -> bool:
    """Return whether open tasks wait for labels by references."""
    return open_tasks.is_waiting(run.rooms.taxonomies, run.rooms.studio.projects.get(run.project_id))


def _add_tasks(run: CategoryRun, added: Sequence[Scene]) -> None:
    """Upload scenes as tasks, and wait until all are predicted, embedded and matched."""
    run.truth.update({scene.name: scene for scene in added})
    project.upload(run.client, run.project_id, added, lambda _: None)
    rooms, project_id = run.rooms, run.project_id

    def is_done() -> bool:
        predicted = rooms.serving.predictions.newest(project_id, _tasks(run, added))
        if len(predicted) < len(added) or is_due(rooms.references, rooms.studio.projects.get(project_id)):
            return False
        source = find_source(rooms.references, project_id)
        is_unmatched = source is None or rooms.taxonomies.matches.find_unmatched(project_id, source.space, 1)
        return not is_unmatched and not _waits_for_labels(run)

    services.wait_until(is_done, "new scenes were not matched")


def match_again(run: CategoryRun) -> None:
    """Match everything again; plan anew, as the refusal says, where a job changed something after the dry run."""
    for _ in range(2):
        with suppress(services.CommandFailed):
            return _apply_dry_run(run)
    return _apply_dry_run(run)


def _apply_dry_run(run: CategoryRun) -> None:
    plan = json.loads(run.loop("taxonomy", "reapply", "--dry-run", "--json"))
    run.loop("taxonomy", "reapply", "--token", plan["token"])


def _tasks(run: CategoryRun, added: Sequence[Scene]) -> dict[int, Scene]:
    """Return the scenes by the id of their task."""
    names = {scene.name: scene for scene in added}
    query = httpx.QueryParams(project=run.project_id, fields="task_only", page_size=1000)
    tasks = run.client.get("/api/tasks", params=query).raise_for_status().json()["tasks"]
    named = {int(task["id"]): scene_name(task["data"]["image"]) for task in tasks}
    return {task: names[name] for task, name in named.items() if name in names}


def count_matches(run: CategoryRun, added: Sequence[Scene]) -> CategoryCounts:
    """Count objects whose surest box is matched to the category, and other boxes that are."""
    rooms, project_id, by_task = run.rooms, run.project_id, _tasks(run, added)
    source = find_source(rooms.references, project_id)
    assert source is not None
    counts: Counter[str] = Counter()
    for task, prediction in rooms.serving.predictions.newest(project_id, by_task).items():
        regions = prediction.boxes
        shown = (task, prediction.image, regions)
        known = find_region_matches(rooms.taxonomies, project_id, source.space, [shown]).get(task, {})
        matched = [region for region in regions if region.id in known and known[region.id].node == NODE]
        insects = [box for label, box in by_task[task].objects if label == NAME]
        for box in insects:
            region = _surest(box, regions)
            counts.update(objects=1, detected=region is not None, right=region in matched)
        counts["wrong"] += sum(not any(_shows(region.box, box) for box in insects) for region in matched)
        labelled = [region for region in prediction.regions if region.label == NAME]
        counts["shown"] += sum(_surest(box, labelled) is not None for box in insects)
        counts["false"] += sum(not any(_shows(region.box, box) for box in insects) for region in labelled)
    names = ("objects", "detected", "right", "wrong", "shown", "false")
    return CategoryCounts(*(counts[name] for name in names))


def _surest(box: Box, regions: Sequence[Region]) -> Region | None:
    overlapping = [region for region in regions if region.box.iou(box) >= SAME_OBJECT]
    return max(overlapping, key=lambda region: region.score or 0.0, default=None)


def _shows_insects(run: CategoryRun, record: ClusterRecord) -> bool:
    """Return whether most members show an insect or a part of it, as a person sees on a contact sheet."""
    images = [run.truth.get(scene_name(member.image)) for member in record.cluster.members]
    hits = sum(
        any(label == NAME and _shows(member.box, box) for label, box in (scene.objects if scene else ()))
        for member, scene in zip(record.cluster.members, images, strict=True)
    )
    return hits > len(images) / 2


def _shows(box: Box, thing: Box) -> bool:
    """Return whether most of the box lies on the thing, or most of the thing in the box."""
    width = min(box.x1, thing.x1) - max(box.x0, thing.x0)
    height = min(box.y1, thing.y1) - max(box.y0, thing.y0)
    shared = max(0.0, width) * max(0.0, height)
    return shared >= SAME_OBJECT * min(box.area, thing.area)
