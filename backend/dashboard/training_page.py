"""The trainings of a project: asking for one, when reviews start one, and the classes that it learns."""

from __future__ import annotations

from dataclasses import asdict, dataclass

from backend.dashboard.blueprint import Answer, go_back, project_page, rooms, show
from backend.dashboard.forms import form, text
from loop.datasets.class_counts import count_classes
from loop.errors import PayloadError
from loop.label_studio.projects import Project
from loop.storage.storable import LONGEST_NAME
from loop.training.ask import ask_training, require_reviews
from loop.training.policy import MOST_VALUE
from loop.training.progress_line import describe_training
from loop.vision.tiling import tiles

MOST = 20  # trainings
RENAMED = "The label stays in Label Studio: rename it in the label config too. The next training learns the new name."
RETIRED = "It counts from the next training on; the version that serves goes on as it was trained."


@dataclass(frozen=True, slots=True)
class PolicyField:
    """A value of a project's policy in the form: a number from *least* to *most*, in steps of *step* where it has."""

    name: str
    title: str
    least: float
    most: float
    step: int | None = None

    def read(self) -> float | None:
        """Return the number in the form; None where it is left out. Raises PayloadError."""
        given = form().get(self.name, "").strip()
        if not given:
            return None
        try:
            number = float(given)
        except ValueError:
            number = float("nan")
        if not self.least <= number <= self.most or (self.step and number % self.step):
            steps = f", a multiple of {self.step}" if self.step else ""
            raise PayloadError(self.name, f"a number from {self.least:g} to {self.most:g}{steps}", given)
        return int(number) if self.step else number


FIELDS = (
    PolicyField("retrain_after", "New reviews that start a training", 1, MOST_VALUE, 1),
    PolicyField("cool_down", "Least seconds between two trainings", 0, MOST_VALUE),
    PolicyField("tile", "Side of tiles in pixels, 0: images stay whole", 0, tiles.LARGEST, tiles.SMALLEST),
    PolicyField("tile_overlap", "Share of the side that two tiles share", tiles.LEAST_SHARED, tiles.MOST_SHARED),
)


@project_page("training/", entry="Training")
def training(project: Project) -> Answer:
    """Show the newest trainings, the policy, and the classes."""
    room = rooms().trainings
    return show(
        "training.html",
        project=project,
        trainings=[(each, describe_training(each)) for each in room.store.last(project.id, MOST)],
        job=f"retrain-{project.id}",
        fields=FIELDS,
        own=project.policy,
        usual=asdict(room.retrain_policy) | asdict(room.datasets.policy.tiles),
        classes=count_classes(room.datasets, project.id),
        longest=LONGEST_NAME,
    )


@project_page("training/ask", methods=["POST"])
def ask_for_training(project: Project) -> Answer:
    """Ask for a training on all reviewed tasks."""
    require_reviews(rooms().trainings, project.id)
    asked = ask_training(rooms().trainings, project.id, "by hand")
    return go_back("training", f"training {asked.id} is asked for, or goes on already", project_id=project.id)


@project_page("training/policy", methods=["POST"])
def set_policy(project: Project) -> Answer:
    """Record the project's own values; those that are left out are of the settings."""
    given = {field.name: field.read() for field in FIELDS}
    others = {name: value for name, value in project.policy.items() if name not in given}
    wanted = others | {name: value for name, value in given.items() if value is not None}
    if wanted == project.policy:
        return go_back("training", "nothing to change", project_id=project.id)
    rooms().studio.projects.set_policy(project.id, wanted)
    message = "it counts from the next review on; tiles count from the next training on"
    return go_back("training", message, project_id=project.id)


@project_page("training/rename", methods=["POST"])
def rename_class(project: Project) -> Answer:
    """Rename a class, or merge it into the one that has the new name."""
    old, new = form().get("name", ""), text("new", LONGEST_NAME)
    renamed = rooms().studio.classes.rename(project.id, old, new)
    change = "is part of" if renamed.merged_into is not None else "is called"
    return go_back("training", f"class {renamed.id}, {old!r}, {change} {new!r}. {RENAMED}", project_id=project.id)


@project_page("training/retire", methods=["POST"])
def retire_class(project: Project) -> Answer:
    """Leave the boxes of a class out of later datasets, or include them again."""
    name, is_retired = form().get("name", ""), "undo" not in form()
    retired = rooms().studio.classes.retire(project.id, name, is_retired=is_retired)
    state = "is retired" if is_retired else "is taken in again"
    return go_back("training", f"class {retired.id}, {name!r}, {state}. {RETIRED}", project_id=project.id)
