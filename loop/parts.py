"""The adapters and policies of one installation, as the use cases are given them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import Engine

from loop.adapters.class_list import ClassList
from loop.adapters.cluster_log import ClusterLog
from loop.adapters.courier import Courier
from loop.adapters.detectors import Detectors
from loop.adapters.discovery_folder import DiscoveryFolder
from loop.adapters.door import Door
from loop.adapters.embedders import Embedders
from loop.adapters.event_log import EventLog
from loop.adapters.group_log import GroupLog
from loop.adapters.image_cache import ImageCache
from loop.adapters.images import Images
from loop.adapters.ls_client import LabelStudio
from loop.adapters.match_log import MatchLog
from loop.adapters.move_log import MoveLog
from loop.adapters.operation_log import OperationLog
from loop.adapters.outbox import Outbox
from loop.adapters.prediction_log import PredictionLog
from loop.adapters.project_list import ProjectList
from loop.adapters.queue import JobQueue
from loop.adapters.rate_log import RateLog
from loop.adapters.references import References
from loop.adapters.registry import FIRST, Version, WeightsRegistry
from loop.adapters.report_folder import ReportFolder
from loop.adapters.review_log import ReviewLog
from loop.adapters.set_aside import SetAsideStore
from loop.adapters.split_list import SplitList
from loop.adapters.task_states import TaskStates
from loop.adapters.taxonomy_log import TaxonomyLog
from loop.adapters.trainer import TrainingPolicy
from loop.adapters.training_log import TrainingLog
from loop.adapters.unknown_list import UnknownList
from loop.adapters.vector_log import VectorLog
from loop.adapters.verdict_log import VerdictLog
from loop.adapters.whole_vectors import WholeVectors
from loop.decisions.gate import GatePolicy
from loop.decisions.predict import Served, Thresholds
from loop.decisions.priority import AuditPolicy
from loop.decisions.retrain_policy import RetrainPolicy
from loop.decisions.selection import SelectionPolicy
from loop.errors import WeightsRefused


@dataclass(frozen=True, slots=True)
class DatasetPolicy:
    """What is measured on and trained on: shares, the field of a task's data that groups, how alike twins are."""

    held_out_share: float
    group_field: str
    twin_bits: int
    twin_cosine: float
    selection: SelectionPolicy


@dataclass(frozen=True, slots=True)
class Policies:
    """What decides: when to train, what goes into a dataset, what is shown, what may serve."""

    retrain: RetrainPolicy
    dataset: DatasetPolicy
    thresholds: Thresholds
    audit: AuditPolicy
    gate: GatePolicy
    training: TrainingPolicy
    image_size: int | None = None  # pixels of the longer side; None: those that weights were trained at
    cohort_field: str = ""  # of the tasks' data, that tells cohorts apart
    is_spread: bool = True  # whether the queue is spread over groups of tasks that show like things
    match_seconds: float = 0.0  # that a request may take for matches to the taxonomy
    keep_predictions: float = -1.0  # seconds that a version's stay in Label Studio when another serves; -1: for ever


@dataclass(frozen=True, slots=True)
class Parts:
    """Everything a use case may need; each adapter reaches out at its first use, not before."""

    policies: Policies
    door: Door
    label_studio: LabelStudio
    queue: JobQueue
    events: EventLog
    set_aside: SetAsideStore
    outbox: Outbox
    courier: Courier
    predictions: PredictionLog
    reviews: ReviewLog
    verdicts: VerdictLog
    operations: OperationLog
    rates: RateLog
    projects: ProjectList
    classes: ClassList
    splits: SplitList
    whole_vectors: WholeVectors
    trainings: TrainingLog
    registry: WeightsRegistry
    moves: MoveLog
    detectors: Detectors
    images: Images
    image_cache: ImageCache
    embedders: Embedders
    references: References
    vectors: VectorLog
    task_states: TaskStates
    taxonomies: TaxonomyLog
    matches: MatchLog
    unknown: UnknownList
    clusters: ClusterLog
    groups: GroupLog
    snapshots: Path
    runs: Path
    reports: ReportFolder
    discoveries: DiscoveryFolder
    engine: Engine

    def close(self) -> None:
        """Give all connections back."""
        for part in (self.images, self.label_studio, self.queue, self.references):
            part.close()
        self.engine.dispose()

    def load(self, version: Version | None) -> Served:
        """
        A version with its detector in memory, which has detected once. Raises DamagedWeights, WeightsRefused.

        Without a version it is the weights to start from, and where those are not on this machine, nothing.
        """
        if version is None:
            base = self.detectors.base_if_here()
            detector = self.detectors.load(base) if base else None
            return Served(self.version_name(None), detector, self.policies.thresholds)
        version.verify()
        try:
            detector = self.detectors.load(version.weights, version.image_size)
        except WeightsRefused as error:
            raise WeightsRefused(version.name, error.kind, error.advice) from error
        return Served(version.name, detector, self.thresholds_of(version))

    def thresholds_of(self, version: Version) -> Thresholds:
        """The thresholds that a version was registered with; where it has none, those of the settings."""
        own, ours = version.facts.thresholds, self.policies.thresholds
        return Thresholds(own.get("floor", ours.floor), own.get("display", ours.display))

    def version_name(self, version: Version | None) -> str:
        """What predictions of a version are called; Label Studio needs a name where there is none yet."""
        return version.name if version else f"{self.registry.model_name}@{FIRST}"
