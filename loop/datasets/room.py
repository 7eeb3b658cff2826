"""All that this room needs, built once by the wiring."""

from __future__ import annotations

from dataclasses import dataclass, field

from loop.datasets.image_vector_store import ImageVectorStore
from loop.datasets.selection import SelectionPolicy
from loop.datasets.snapshot_store import SnapshotStore
from loop.datasets.split_store import SplitStore
from loop.datasets.tiled.policy import TilePolicy
from loop.label_studio.room import StudioRoom
from loop.registry.room import RegistryRoom
from loop.reviews.room import ReviewsRoom
from loop.vision.room import VisionRoom


@dataclass(frozen=True, slots=True)
class DatasetPolicy:
    """
    Settings of a dataset.

    *group_field*: the field of a task's data that names its group. *twin_bits* and *twin_cosine*: how alike two images
    are that count as near-duplicates. *tiles*: whether images are trained on tile by tile, unless a project says
    otherwise. *trains_on_accepted*: whether tasks that were accepted without a review are trained on.
    """

    held_out_share: float
    group_field: str
    twin_bits: int
    twin_cosine: float
    selection: SelectionPolicy
    tiles: TilePolicy = field(default_factory=TilePolicy)
    trains_on_accepted: bool = False


@dataclass(frozen=True, slots=True)
class DatasetsRoom:
    """Splits and snapshots."""

    studio: StudioRoom
    vision: VisionRoom
    registry: RegistryRoom
    reviews: ReviewsRoom
    splits: SplitStore
    vectors: ImageVectorStore
    snapshots: SnapshotStore
    policy: DatasetPolicy
