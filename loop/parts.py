"""The adapters and policies of one installation, as the use cases are given them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import Engine

from loop.datasets.image_vector_store import WholeVectors
from loop.datasets.selection import SelectionPolicy
from loop.datasets.split_store import SplitList
from loop.discovery.cluster_store import ClusterLog
from loop.discovery.picture_folder import DiscoveryFolder
from loop.discovery.unknown_store import UnknownList
from loop.errors import WeightsRefused
from loop.gate.evaluator import Evaluator
from loop.gate.report_store import ReportFolder
from loop.gate.rule import GatePolicy
from loop.job_queue import JobQueue
from loop.label_studio.backend_address import Door
from loop.label_studio.class_store import ClassList
from loop.label_studio.client import LabelStudio
from loop.label_studio.projects import ProjectList
from loop.notice_sender import Courier
from loop.outbox import Outbox
from loop.rates.store import RateLog
from loop.references.changed_tasks import TaskStates
from loop.references.milvus_client import References
from loop.references.vector_store import VectorLog
from loop.registry.detectors import Detectors
from loop.registry.moves import MoveLog
from loop.registry.store import FIRST, Version, WeightsRegistry
from loop.reviews.bulk.store import OperationLog
from loop.reviews.event_store import EventLog
from loop.reviews.review_store import ReviewLog
from loop.reviews.set_aside import SetAsideStore
from loop.reviews.verdict_store import VerdictLog
from loop.serving.matching import Matching
from loop.serving.predict import Served, Thresholds
from loop.serving.priority import AuditPolicy
from loop.serving.queue_groups import GroupLog
from loop.serving.store import PredictionLog
from loop.taxonomy.match_store import MatchLog
from loop.taxonomy.store import TaxonomyLog
from loop.training.policy import RetrainPolicy
from loop.training.store import TrainingLog
from loop.training.trainer import TrainingPolicy
from loop.vision.embedders import Embedders
from loop.vision.image_cache import ImageCache
from loop.vision.images import Images


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
    evaluator: Evaluator
    images: Images
    image_cache: ImageCache
    embedders: Embedders
    references: References
    vectors: VectorLog
    task_states: TaskStates
    taxonomies: TaxonomyLog
    matches: MatchLog
    matching: Matching
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
