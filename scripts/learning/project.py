"""The rooms of an installation of its own for a study: real records and use cases, Label Studio in memory."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

from loop import policies
from loop.label_studio.room import StudioRoom
from loop.registry.detectors import Detectors
from loop.reviews.room import ReviewsRoom
from loop.rooms import Rooms
from loop.settings import Settings
from loop.storage import database
from loop.storage.home_folder import make_home
from loop.training.room import TrainingRoom
from loop.vision.image_cache import ImageCache
from loop.vision.room import VisionRoom
from loop.wiring import RoomBuilder
from scripts.demo.label_studio import CACHE
from scripts.demo.project import label_config
from scripts.learning.flips import FlipRanking
from scripts.learning.plan import FLIPS, RunPlan
from scripts.learning.pseudo_labels import PseudoLabels
from scripts.learning.studio import PROJECT, FolderImages, MemoryStudio, NoQueue


@dataclass(frozen=True, slots=True)
class StudyProject:
    """The rooms with one connected project, and Label Studio behind them."""

    rooms: Rooms
    studio: MemoryStudio


class StudyBuilder(RoomBuilder):
    """Builds the rooms as the wiring does, with a Label Studio in memory, images in a folder, and no queue."""

    def __init__(self, settings: Settings, studio: MemoryStudio, images: Path, plan: RunPlan) -> None:
        super().__init__(settings)
        if plan.order == FLIPS:
            self.ranking = FlipRanking(rooms=self.rooms, folder=images)
        self.queue = NoQueue(settings.redis)
        self._memory, self._folder, self._plan = studio, images, plan

    @cached_property
    def studio(self) -> StudioRoom:
        """Label Studio in memory."""
        return replace(super().studio, client=self._memory)

    @cached_property
    def vision(self) -> VisionRoom:
        """Images of the study."""
        images, shared = FolderImages(self._folder), self._settings.model_copy(update={"home": CACHE / "learning"})
        embedders = policies.embedders(shared, self._facts)  # an image encoder is exported once for all runs
        cache = ImageCache(self._settings.home / "images", images)
        return replace(super().vision, images=images, cache=cache, embedders=embedders)

    @cached_property
    def reviews(self) -> ReviewsRoom:
        """Reviews; what is accepted without one are pseudo-labels, where the plan has them."""
        room = super().reviews
        return replace(room, accepted=PseudoLabels(self.engine, self.rooms)) if self._plan.has_pseudo_labels else room

    @cached_property
    def trainings(self) -> TrainingRoom:
        """Trainings with the seed of the study."""
        room = super().trainings
        return replace(room, policy=replace(room.policy, seed=self._plan.seed))


def open_project(
    settings: Settings, labels: tuple[str, ...], images: Path, plan: RunPlan, detectors: Detectors | None
) -> StudyProject:
    """Make an installation whose one project will have tasks for images in a folder."""
    make_home(settings.home)
    database.migrate(settings.database)
    config = label_config(labels)
    studio = MemoryStudio(config, plan.seed)
    builder = StudyBuilder(settings, studio, images, plan)
    if detectors:
        builder.registry = replace(builder.registry, detectors=detectors)
    rooms = builder.rooms()
    rooms.studio.projects.save(PROJECT, "Study", config)
    return StudyProject(rooms, studio)
