"""A renamed class: every reader of references says what it would had the class had its last name from the start."""

import random
from dataclasses import replace

import numpy as np
import pytest

from loop.crops import find_suspects
from loop.crops.grid import CropOrder, CropQuery, list_crops
from loop.crops.pictures import BoxSource
from loop.discovery.gather import gather, read_references
from loop.references import check
from loop.references.index import index
from loop.references.plan import find_source
from loop.reviews.judging import judge_tasks
from loop.taxonomy import manage
from loop.taxonomy.labelling.voting import open_voting
from loop.taxonomy.match import match_detections
from loop.taxonomy.pages.tree import read_taxonomy
from loop.taxonomy.taxonomy import Node, Taxonomy
from tests.builders import box, region, review, served
from tests.taxonomy.builders import matching

RENAMED, FROM_THE_START = 1, 2  # projects
TASKS = range(1, 15)
SPOTS = [box(x, y, x + 0.15, y + 0.15) for x in (0.1, 0.4, 0.7) for y in (0.1, 0.5)]
CLASSES = ["Lorry", "Person", "Bus", "Dog"]


def config_of(labels):
    inside = "".join(f'<Label value="{label}"/>' for label in dict.fromkeys(labels))
    controls = f'<RectangleLabels name="label" toName="image">{inside}</RectangleLabels>'
    return f'<View><Image name="image" value="$image"/>{controls}</View>'


def choose_name(rng, names, old):
    """Another name for a class: new, in another case, or that of another class, which it becomes a part of."""
    others = [name for name in dict.fromkeys(names) if name != old]
    return rng.choice([f"New{rng.random()}", old.swapcase(), *(rng.sample(others, 1) if len(others) > 1 else [])])


def choose_boxes(rng):
    """Some places on an image, each with its class, and whether a version detected it, and a reviewer drew it."""
    places = rng.sample(range(len(SPOTS)), 4)
    return [(place, rng.randrange(len(CLASSES)), *rng.choice([(1, 1), (1, 1), (1, 0), (0, 1)])) for place in places]


def make_history(rng):
    """Steps: a task with its boxes, or a renaming of the class that has a name then; and the last names of CLASSES."""
    names, steps = list(CLASSES), []
    for task in TASKS:
        steps.append((task, choose_boxes(rng)))
        if rng.random() < 0.4:
            old = rng.choice(names)
            new = choose_name(rng, names, old)
            names = [new if name == old else name for name in names]
            steps.append((old, new))
    return steps, names


def record(rooms, project, task, boxes, names, rng):
    """A prediction, its review, and for some tasks no review at all."""
    image, version = f"/{task}.jpg", "yolo_detector@1.0.0"
    regions = [region(f"s{task}-{place}", names[kind], SPOTS[place], rng.uniform(0.3, 1)) for place, kind, *_ in boxes]
    seen = [each for each, (*_, is_seen, _) in zip(regions, boxes, strict=True) if is_seen]
    drawn = [replace(each, score=None) for each, (*_, is_drawn) in zip(regions, boxes, strict=True) if is_drawn]
    prediction = served(*seen[1:], task=task, project=project, image=image, version=version)
    rooms.serving.predictions.append([replace(prediction, candidates=tuple(seen[:1]))])
    if rng.random() < 0.8:
        kept = review(*drawn, annotation=1000 * project + task, task=task, project=project, edited=5)
        rooms.reviews.store.record(kept, {"image": image})
        judge_tasks(rooms.reviews, project, [task])


def play(rooms, project, steps, names, retired, rng):
    """Record the tasks of a history; with the renamings the names are those of the time, else *names*."""
    is_renamed = project == RENAMED
    now = list(CLASSES) if is_renamed else names
    rooms.studio.projects.save(project, "Traffic", config_of(now))
    for name in retired if is_renamed else {names[CLASSES.index(name)] for name in retired}:
        rooms.studio.classes.retire(project, name)
    for first, second in steps:
        if isinstance(first, int):
            record(rooms, project, first, second, now, rng)
        elif is_renamed:
            rooms.studio.classes.rename(project, first, second)
            now = [second if name == first else name for name in now]
            rooms.studio.projects.save(project, "Traffic", config_of(now))
    index(rooms.references, project)


def make_taxonomy(rooms, project, names, rng):
    """A node for each class but one, with any name that the class ever had, and perhaps a threshold."""
    synonyms, nodes = rooms.studio.classes.synonyms(project), list[Node]()
    for place, name in enumerate(list(dict.fromkeys(names))[1:]):
        threshold, own = rng.choice((None, 0.3, 0.9)), sorted(synonyms.get(name, (name,)))
        nodes.append(Node(f"n{place}", labels=(own[int(rng.random() * len(own))],), threshold=threshold))
    return Taxonomy(tuple(nodes))


def read_all(rooms, project, names):
    """All that the readers of references say."""
    space = find_source(rooms.references, project).space
    config = rooms.studio.projects.get(project).config()
    match_detections(rooms.taxonomies, project)
    keys = {row.wanted.entry.key for row in rooms.references.vectors.of_tasks(project, space, TASKS)}
    vectors = rooms.vision.embedders.load(space, None).embed([np.zeros((4, 4, 3), np.uint8)], [SPOTS])[0]
    unknown, known = gather(rooms.discovery, project, space), read_references(rooms.discovery, project, space)
    line, found = find_suspects.look(rooms.crops, project), check.check(rooms.references, project)
    pages = [
        list_crops(rooms.crops, project, CropQuery(order, label, source))
        for order in (CropOrder.LEAST_SURE, CropOrder.SWAPPED, CropOrder.OVERLOOKED, CropOrder.MISPLACED)
        for label in (None, names[0])
        for source in BoxSource
    ]
    return {
        "matching": rooms.taxonomies.matches.of_keys(project, space, keys),
        "voting": open_voting(rooms.taxonomies, project, space, config, names[:2]).vote(vectors),
        "calibrate": manage.calibrate(rooms.taxonomies, project)[1],
        "tree": [
            (node.id, node.references, node.detections, node.below, node.missing)
            for node in read_taxonomy(rooms.taxonomies, project).nodes
        ],
        "unknown": [(member.key, member.label) for member in unknown.members],
        "known": {node: mean.tolist() for node, mean in known.means.items()},
        "check": (found.references, found.suspects, {(pair.first, pair.second) for pair in found.contradictions}),
        "stats": check.count_vectors(rooms.references, project),
        "suspects": (line, rooms.crops.suspects.read(project).suspects),
        "crops": [(page.total, page.crops, page.labels) for page in pages],
    }


@pytest.mark.parametrize("seed", range(8))
def test_all_readers_of_references_count_the_former_names_of_a_class(rooms, tmp_path, seed):
    rng, rooms = random.Random(seed), matching(rooms)
    (tmp_path / "weights.pt").write_bytes(b"weights")
    steps, names = make_history(rng)
    retired = rng.sample(CLASSES, rng.randrange(2))
    answers = []
    for project in (RENAMED, FROM_THE_START):
        play(rooms, project, steps, names, retired, random.Random(seed))
        version = rooms.registry.versions.add(project, tmp_path / "weights.pt")
        rooms.registry.versions.promote(project, version.name, "first")
        taxonomy = make_taxonomy(rooms, project, names, random.Random(seed))
        manage.apply(rooms.taxonomies, project, taxonomy, "test")
        answers.append(read_all(rooms, project, names))

    renamed, expected = answers
    for reader, answer in expected.items():
        assert renamed[reader] == answer, reader
