"""The last round: a kind of thing that no label names comes up, is found, named once, and told from then on."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import httpx
from rich.table import Table

from loop.discovery.cluster_store import ClusterRecord, ClusterState
from loop.references.plan import find_source, is_due
from loop.regions import Box, Region
from loop.rooms import Rooms
from loop.settings import Settings
from loop.taxonomy.recorded_matches import find_region_matches
from scripts.demo import project, scenes, services
from scripts.demo.annotator import scene_name
from scripts.demo.scenes import Scene

NAME, FOLDER, PARENT, NODE = "Insect", "animals/insects", "animal", "insect"
TAXONOMY = Path(__file__).parents[2] / "label_config" / "taxonomy.yaml"
OLD, NEW = 100, 60  # scenes that come up before it has a name, and after
STEPS = 6  # of the progress bar
SAME_OBJECT = 0.5  # IoU from which a detection is of an object


@dataclass(frozen=True, slots=True)
class Told:
    """
    How insects were told among what was detected on some scenes.

    *detected* of the *objects* have a box, shown or held back; *right* of these are matched to the category. *wrong*
    are boxes that show something else and are, too.
    """

    objects: int
    detected: int
    right: int
    wrong: int


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of it: how many *clusters* there were, how many of them were named, and of how many boxes."""

    clusters: int
    named: int
    boxes: int
    rows: Mapping[str, Told]


@dataclass(frozen=True, slots=True)
class Scenery:
    """A project and the truth of what is on its new tasks, by the scene's name."""

    settings: Settings
    rooms: Rooms
    client: httpx.Client
    project_id: int
    truth: dict[str, Scene]

    def loop(self, *arguments: str) -> str:
        """Run a command of the loop on the project."""
        return services.loop(self.settings, *arguments, "--project", str(self.project_id))


def made() -> tuple[list[Scene], list[Scene]]:
    """Scenes with insects among the rest: those that come first, and those that come later."""
    palette, _ = scenes.palettes(classes={**scenes.CLASSES, NAME: FOLDER})
    first = scenes.compose(palette, OLD, seed=3, prefix="newcomer")
    return first, scenes.compose(palette, NEW, seed=4, prefix="later")


def play(scenery: Scenery, say: services.Says) -> Outcome:
    """Do by commands what a person would do, and count what came of it."""
    first, later = made()
    say("compound: references of what reviewers confirmed")
    scenery.loop("taxonomy", "apply", str(TAXONOMY))
    scenery.loop("references", "build")
    scenery.loop("taxonomy", "calibrate", "--apply")
    say(f"compound: {OLD} scenes with things that have no label")
    _come(scenery, first)
    before = _told(scenery, first)
    say("compound: discovering")
    scenery.loop("discover")
    clusters = scenery.rooms.discovery.clusters.all(scenery.project_id, ClusterState.OPEN)
    named = [one for one in clusters if _shows_insects(scenery, one)]
    if not named:
        return Outcome(len(clusters), 0, 0, {"before it has a name": before})
    say(f"compound: naming {len(named)} of {len(clusters)} clusters")
    scenery.loop("clusters", "promote", *(one.cluster.id for one in named), "--name", NAME, "--parent", PARENT)
    scenery.loop("references", "build")
    scenery.loop("taxonomy", "calibrate", "--apply")
    say("compound: matching everything again")
    plan = scenery.loop("taxonomy", "reapply", "--dry-run")
    scenery.loop("taxonomy", "reapply", "--token", plan.rsplit("token ", 1)[1].strip())
    after = _told(scenery, first)
    say(f"compound: {NEW} scenes more")
    _come(scenery, later)
    rows = {
        "before it has a name": before,
        "the same scenes, after": after,
        "scenes that came later": _told(scenery, later),
    }
    return Outcome(len(clusters), len(named), sum(one.cluster.size for one in named), rows)


def table(outcome: Outcome) -> Table:
    """What came of it, for the terminal."""
    title = f"{NAME}s, which no label named: of {outcome.clusters} clusters that were found"
    title += f" {outcome.named} show them ({outcome.boxes} boxes) and got that name"
    shown = Table(title=title, box=None, title_justify="left")
    for heading in ("", "insects", "detected", "told", "boxes of other things"):
        shown.add_column(heading, justify="right" if heading else "left", no_wrap=True)
    for name, row in outcome.rows.items():
        share = f"{row.right} ({row.right / row.detected:.0%})" if row.detected else "0"
        shown.add_row(name, str(row.objects), str(row.detected), share, str(row.wrong))
    return shown


def _come(scenery: Scenery, shown: Sequence[Scene]) -> None:
    """Have scenes come in as tasks, and wait until all is predicted, embedded and matched."""
    scenery.truth.update({scene.name: scene for scene in shown})
    project.upload(scenery.client, scenery.project_id, shown, lambda _: None)
    rooms, project_id = scenery.rooms, scenery.project_id

    def is_done() -> bool:
        predicted = rooms.serving.predictions.newest(project_id, _tasks(scenery, shown))
        if len(predicted) < len(shown) or is_due(rooms.references, rooms.studio.projects.get(project_id)):
            return False
        source = find_source(rooms.references, project_id)
        return source is not None and not rooms.taxonomies.matches.find_unmatched(project_id, source.space, 1)

    services.until(is_done, "new scenes were not matched")


def _tasks(scenery: Scenery, shown: Sequence[Scene]) -> dict[int, Scene]:
    """The tasks of scenes."""
    names = {scene.name: scene for scene in shown}
    query = httpx.QueryParams(project=scenery.project_id, fields="task_only", page_size=1000)
    rows = scenery.client.get("/api/tasks", params=query).raise_for_status().json()["tasks"]
    named = {int(task["id"]): scene_name(task["data"]["image"]) for task in rows}
    return {task: names[name] for task, name in named.items() if name in names}


def _told(scenery: Scenery, shown: Sequence[Scene]) -> Told:
    """Count by the truth what the surest box on each object is matched to."""
    rooms, project_id, by_task = scenery.rooms, scenery.project_id, _tasks(scenery, shown)
    source = find_source(rooms.references, project_id)
    assert source is not None
    counts: Counter[str] = Counter()
    for task, prediction in rooms.serving.predictions.newest(project_id, by_task).items():
        regions = (*prediction.regions, *prediction.candidates)
        known = find_region_matches(
            rooms.taxonomies, project_id, source.space, [(task, prediction.image, regions)]
        ).get(task, {})
        matched = [region for region in regions if region.id in known and known[region.id].node == NODE]
        insects = [box for label, box in by_task[task].objects if label == NAME]
        for box in insects:
            region = _surest(box, regions)
            counts.update(objects=1, detected=region is not None, right=region in matched)
        counts["wrong"] += sum(not any(_shows(region.box, box) for box in insects) for region in matched)
    return Told(*(counts[name] for name in ("objects", "detected", "right", "wrong")))


def _surest(box: Box, regions: Sequence[Region]) -> Region | None:
    on_it = [region for region in regions if region.box.iou(box) >= SAME_OBJECT]
    return max(on_it, key=lambda region: region.score or 0.0, default=None)


def _shows_insects(scenery: Scenery, cluster: ClusterRecord) -> bool:
    """What a person sees on a contact sheet: whether most members lie on an insect, or show a part of one."""
    images = [scenery.truth.get(scene_name(member.image)) for member in cluster.cluster.members]
    hits = sum(
        any(label == NAME and _shows(member.box, box) for label, box in (scene.objects if scene else ()))
        for member, scene in zip(cluster.cluster.members, images, strict=True)
    )
    return hits > len(images) / 2


def _shows(seen: Box, thing: Box) -> bool:
    """Whether most of what is seen is the thing, or most of the thing is seen."""
    width = min(seen.x1, thing.x1) - max(seen.x0, thing.x0)
    height = min(seen.y1, thing.y1) - max(seen.y0, thing.y0)
    shared = max(0.0, width) * max(0.0, height)
    return shared >= SAME_OBJECT * min(seen.area, thing.area)
