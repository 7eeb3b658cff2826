"""The plan of one run of a study, and what came of it. Pure."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

SPREAD = "+spread"  # after an order whose queue is spread over groups of similar images
PSEUDO = "+pseudo"  # after an order whose trainings have the surest open tasks too, see `PseudoLabels`
FLIPS = "flips"  # in place of an order: see `FlipRanking`
FULL = "full"  # in place of an order: all images are reviewed before the first training
ARRIVAL = "arrival"  # in place of an order: the images of a round arrive before it, and all of them are reviewed
TRAIN_CPU = "train, CPU"  # in what a round took: seconds of all cores, which a busy machine changes less


@dataclass(frozen=True, slots=True)
class RunPlan:
    """
    One run: *rounds* of *size* reviewed images each, out of *pool* images, in an *order* of the queue.

    Every version is measured on *held_out* images. *start* names the weights that the first training starts from.
    *policy* is the text of a StudyPolicy; None for the one that runs without a policy in their name were made with.
    """

    data: str
    order: str
    seed: int
    rounds: int
    size: int
    pool: int
    held_out: int
    epochs: int
    start: str = "warm"
    policy: str | None = None

    @property
    def name(self) -> str:
        """The name of its file: all that it depends on."""
        sizes = f"r{self.rounds}-n{self.size}-p{self.pool}-h{self.held_out}-e{self.epochs}"
        policy = "" if self.policy is None else f"-{self.policy}"
        return f"{self.data}-{self.order}-s{self.seed}-{sizes}-{self.start}{policy}"

    @property
    def variant(self) -> str:
        """What a study compares: the policy in a study of trainings, else the order."""
        return self.policy if self.policy and self.is_of_trainings else self.order

    @property
    def is_of_trainings(self) -> bool:
        """Whether it is a run of a study of trainings."""
        return self.order == ARRIVAL

    @property
    def queue_order(self) -> str:
        """The value of LOOP_QUEUE_ORDER."""
        order = self.order.removesuffix(SPREAD).removesuffix(PSEUDO)
        return {FULL: "random", ARRIVAL: "random", FLIPS: "product"}.get(order, order)

    @property
    def is_spread(self) -> bool:
        """Whether the queue is spread over groups of similar images."""
        return self.order.endswith(SPREAD)

    @property
    def has_pseudo_labels(self) -> bool:
        """Whether trainings have the surest open tasks as they are predicted."""
        return self.order.endswith(PSEUDO)

    def batch(self, number: int) -> int:
        """Return how many images are reviewed in a round, counted from 1."""
        if self.order == FULL:
            return self.pool if number == 1 else 0
        return self.size

    def arrivals(self, number: int) -> slice:
        """Return which images of the pool become tasks before a round, counted from 1."""
        if self.order == ARRIVAL:
            return slice((number - 1) * self.size, number * self.size)
        return slice(self.pool if number == 1 else 0)


@dataclass(frozen=True, slots=True)
class RoundResult:
    """
    One round. *labelled*, *boxes* and *seconds* of the annotator are those so far, *work* that of this round.

    *work* counts images, and boxes by the annotator's work on them; *drawn_without* counts the boxes that would have
    been drawn without suggestions. The precision is that of the version trained in the round, with the 95% interval of
    mAP50-95 by a bootstrap over the held-out images; *served* is the mAP50-95 of the version that serves afterwards.
    *took* has the seconds of the machine. *earlier* is the mAP50-95 on images of what came first, where a data set has
    them.
    """

    number: int
    labelled: int
    boxes: int
    seconds: float
    work: Mapping[str, int]
    drawn_without: int
    outcome: str
    map50: float
    map50_95: float
    low: float
    high: float
    served: float
    took: Mapping[str, float]
    earlier: float | None = None

    def after(self, last: RoundResult) -> RoundResult:
        """Return the round with what was labelled before it."""
        return replace(
            self,
            labelled=self.labelled + last.labelled,
            boxes=self.boxes + last.boxes,
            seconds=self.seconds + last.seconds,
        )

    @property
    def edits_an_image(self) -> float:
        """Boxes added, deleted, moved or relabelled for an image of this round."""
        edits = sum(self.work[name] for name in ("drawn", "deleted", "moved", "relabelled"))
        return edits / max(1, self.work["image"])


@dataclass(frozen=True, slots=True)
class RunResult:
    """A finished run."""

    plan: RunPlan
    rounds: tuple[RoundResult, ...]

    def as_row(self) -> dict[str, Any]:
        """Return the run as JSON writes it, without what it has not."""
        return asdict(self, dict_factory=lambda items: {name: value for name, value in items if value is not None})

    def write(self) -> str:
        """Return the run as JSON."""
        return json.dumps(self.as_row(), indent=1) + "\n"

    @classmethod
    def read(cls, text: str) -> RunResult:
        """Read a run that `write` wrote."""
        content: dict[str, Any] = json.loads(text)
        return cls(RunPlan(**content["plan"]), tuple(RoundResult(**each) for each in content["rounds"]))
