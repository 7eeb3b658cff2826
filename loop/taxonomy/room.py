"""All that this room needs, built once by the wiring."""

from __future__ import annotations

from dataclasses import dataclass

from loop.label_studio.room import StudioRoom
from loop.rates.room import RatesRoom
from loop.references.label_counts import LabelCounts
from loop.references.room import ReferencesRoom
from loop.registry.room import RegistryRoom
from loop.serving.queue_order import Ranking
from loop.serving.store import PredictionLog
from loop.taxonomy.label_pass_store import LabelPassStore
from loop.taxonomy.match_store import MatchStore
from loop.taxonomy.store import TaxonomyLog
from loop.vision.room import VisionRoom


@dataclass(frozen=True, slots=True)
class TaxonomyRoom:
    """The taxonomies of the projects, and matches. *group_field*: the field of a task's data that names its group."""

    studio: StudioRoom
    vision: VisionRoom
    registry: RegistryRoom
    predictions: PredictionLog
    ranking: Ranking
    rates: RatesRoom
    references: ReferencesRoom
    store: TaxonomyLog
    matches: MatchStore
    counts: LabelCounts
    passes: LabelPassStore
    group_field: str = ""
