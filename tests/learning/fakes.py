"""A data set of coloured rectangles, and a detector that finds the more of them the longer it was trained."""

from contextlib import nullcontext

import numpy as np
from PIL import Image, ImageDraw

from loop.regions import Box
from loop.registry.detectors import Detectors
from loop.vision.detector import RawDetections
from scripts.demo.scenes import Scene
from scripts.learning.data import StudyData
from scripts.learning.replay import Lab

SIZE = (64, 48)
COLOURS = {"Car": (255, 0, 0), "Person": (0, 0, 255)}
PLACES = [(left, top) for top in (0.05, 0.55) for left in (0.05, 0.38, 0.71)]


def draw_scenes(prefix, count, seed=0):
    """Scenes of 0 to 6 rectangles; every number in turn, so that images differ."""
    scenes = []
    for number in range(count):
        rng = np.random.default_rng([seed, number, len(prefix)])
        image = Image.fromarray(rng.integers(0, 100, (SIZE[1], SIZE[0], 3), np.uint8))
        objects = []
        for left, top in PLACES[: number % 7]:
            label = sorted(COLOURS)[int(rng.integers(2))]
            box = Box(left, top, left + 0.25, top + 0.4)
            sides = (box.x0 * SIZE[0], box.y0 * SIZE[1], box.x1 * SIZE[0], box.y1 * SIZE[1])
            ImageDraw.Draw(image).rectangle(sides, fill=COLOURS[label])
            objects.append((label, box))
        scenes.append(Scene(f"{prefix}{number:03d}", image, tuple(objects)))
    return scenes


class Learner:
    """Sees rectangles by their colour; of *skill* tenths of the places, and the less sure the later the place."""

    class_names = tuple(sorted(COLOURS))
    image_size = 64
    at_once = 1
    is_broken = False

    def __init__(self, skill):
        self._skill = skill

    def detect(self, images, floor):
        return [self.look(image, floor).name(self.class_names) for image in images]

    def look(self, image, floor, *, is_multi_label=False):
        height, width = image.shape[:2]
        boxes, classes, confidences = [], [], []
        for number, (left, top) in enumerate(PLACES):
            middle = image[int((top + 0.2) * height), int((left + 0.125) * width)]
            is_car, is_person = middle[2] > 180, middle[0] > 180  # BGR
            if number < self._skill and (is_car or is_person):
                boxes.append([left, top, left + 0.25, top + 0.4])
                classes.append(0 if is_car else 1)
                confidences.append(0.9 - 0.1 * number)
        return RawDetections(np.array(boxes).reshape(-1, 4), np.array(classes, int), np.array(confidences))


class Learners(Detectors):
    """Detectors whose skill stands in their weights."""

    def __init__(self):
        super().__init__("cpu", None, "", None)

    def check_device(self):
        pass

    def keep(self):
        return nullcontext()

    def to_train(self, weights):
        return weights

    def base(self):
        return None

    def base_if_here(self):
        return None

    def load(self, weights, framing=None):
        return Learner(int(weights.read_text().split()[1]) if weights else 0)

    def latencies(self, weights, images, times=20):
        return [10.0 for _ in weights]

    @property
    def serves_exports(self):
        return False


def train_in_no_time(project, training):
    """Write weights whose skill is the number of trainings so far: two more places each."""
    folder = project.rooms.trainings.runs / f"training-{training.id}"
    folder.mkdir(parents=True)
    (folder / "finished.pt").write_text(f"skill {2 * training.id}")


def make_lab():
    data = StudyData(
        labels=tuple(sorted(COLOURS)),
        image_size=64,
        pool=lambda count, seed: draw_scenes("p", count, seed),
        held_out=lambda count: draw_scenes("held", count),
    )
    return Lab({"composed": data}, Learners(), train_in_no_time, {"LOOP_EMBEDDER": "none"})


class Clumsy(Learner):
    """Moves the box of the first place, takes the label of the second for the other, and sees one where none is."""

    def look(self, image, floor, *, is_multi_label=False):
        seen = super().look(image, floor)
        at = {tuple(box[:2]): number for number, box in enumerate(seen.box)}
        box, class_id = seen.box.copy(), seen.class_id.copy()
        if (first := at.get(PLACES[0])) is not None:
            box[first, [0, 2]] += 0.05  # an IoU of two thirds
        if (second := at.get(PLACES[1])) is not None:
            class_id[second] = 1 - class_id[second]
        nowhere = np.array([[0.3, 0.46, 0.37, 0.54]])
        return RawDetections(np.concatenate([box, nowhere]), np.append(class_id, 0), np.append(seen.confidence, 0.3))


class ClumsyLearners(Learners):
    """Detectors that make each kind of mistake."""

    def load(self, weights, framing=None):
        return Clumsy(6)
