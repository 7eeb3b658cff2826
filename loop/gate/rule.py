"""Whether a candidate may replace the champion. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from loop.rates.intervals import expand_level

if TYPE_CHECKING:
    from loop.gate.comparison import Comparison, MetricChange, Part
    from loop.gate.evaluation import Metrics


MOST_LOSS = 0.01  # of mAP50-95, by an export in 8 bits
NOTHING = 0.01  # mAP50-95 of a champion below which it finds nothing


@dataclass(frozen=True, slots=True)
class GatePolicy:
    """
    The conditions for a candidate to serve; `docs/gate.md` has the measurements behind the values.

    *confidence* is the confidence with which the candidate must lead. *class_drop* is how much AP a class may lose. A
    class on fewer than *class_images* images is too rare to be judged. *latency_ratio* is how many times as long an
    image may take. A person decides if the held-out split is smaller than *least_images* with *least_boxes*, unless the
    champion finds nothing: then *class_images* images may be enough.
    """

    confidence: float = 0.95
    class_drop: float = 0.1
    class_images: int = 5
    latency_ratio: float = 1.5
    least_images: int = 10
    least_boxes: int = 30


class GateOutcome(StrEnum):
    """The outcome of the gate."""

    PROMOTED = "promoted"
    REFUSED = "refused"
    HELD = "held"  # too few images to decide: a person decides


@dataclass(frozen=True, slots=True)
class Ruling:
    """The gate's outcome with its reasons."""

    outcome: GateOutcome
    reasons: tuple[str, ...]

    @property
    def reason(self) -> str:
        """All reasons in one line."""
        return "; ".join(self.reasons)


def rule(comparison: Comparison, policy: GatePolicy) -> Ruling:
    """
    Pass a candidate that leads with enough confidence, drops no class, forgets nothing, and is quick enough.

    Every objection is named, not only the first. A person decides if the split is too small, unless the candidate is
    better than nothing beyond doubt.
    """
    lead, shortage = _describe_lead(comparison.overall), describe_shortage(comparison.candidate, policy)
    if shortage and not _is_better_than_nothing(comparison, policy):
        return Ruling(GateOutcome.HELD, (f"{lead} on {shortage}, so a person decides",))
    objections = tuple(_list_objections(comparison, policy))
    if objections:
        return Ruling(GateOutcome.REFUSED, objections)
    return Ruling(GateOutcome.PROMOTED, (f"{lead} on {_describe_size(comparison.candidate)}",))


def rule_on_8_bits(comparison: Comparison, policy: GatePolicy) -> Ruling:
    """
    Pass an export in 8 bits that is not worse than the same version in 32, and quicker.

    Not worse: the whole interval of its lead lies above a loss of MOST_LOSS, and no class drops. That both are equal is
    not enough on few images, where the interval is wide.
    """
    change, latency = comparison.overall, comparison.latency
    lead = f"{_describe_lead(change)} on {_describe_size(comparison.candidate)}"
    shortage = describe_shortage(comparison.candidate, policy)
    objections = [shortage] if shortage else []
    if change.low < -MOST_LOSS:
        objections.append(f"it may be worse: {lead}, where a loss of {MOST_LOSS:g} is allowed")
    objections += [_describe_drop(part, policy) for part in comparison.classes if is_dropped(part, policy)]
    if latency and latency.ratio >= 1:
        objections.append(f"not quicker: {latency.candidate:.1f} ms an image in place of {latency.champion:.1f}")
    return Ruling(GateOutcome.REFUSED if objections else GateOutcome.PROMOTED, tuple(objections) or (lead,))


def needed_share(comparison: Comparison, policy: GatePolicy) -> float:
    """The share of resamples in which the candidate must lead on a split of this size."""
    return expand_level(policy.confidence, comparison.candidate.images)


def is_dropped(part: Part, policy: GatePolicy) -> bool:
    """
    Whether a part lost more than it may, and not by chance.

    The part must be on enough images to have an interval. The whole interval must lie below half of the allowed drop.
    Requiring the full drop would pass half of the lost classes on 16 images. Requiring none of it would refuse one in
    ten candidates that are as good as the champion (`docs/gate.md`).
    """
    change, allowed = part.change, policy.class_drop
    return part.images >= policy.class_images and change.lead < -allowed and change.high < -allowed / 2


def describe_shortage(split: Metrics, policy: GatePolicy) -> str:
    """Say how small a held-out split is and how many images or boxes it needs; empty if it has enough."""
    short = [f"{policy.least_images} images"] if split.images < policy.least_images else []
    short += [f"{policy.least_boxes} boxes"] if split.boxes < policy.least_boxes else []
    return f"only {_describe_size(split)}: {' and '.join(short)} are needed to tell" if short else ""


def find_objection(outcome: GateOutcome | None, *, has_served: bool) -> str | None:
    """Say why a version needs --force to be promoted; None if the gate passed it or it has served before."""
    if has_served or outcome is GateOutcome.PROMOTED:
        return None
    return "the gate never judged it, or its report is gone" if outcome is None else f"the gate {outcome} it"


def _list_objections(comparison: Comparison, policy: GatePolicy) -> Iterator[str]:
    overall, latency, needed = comparison.overall, comparison.latency, needed_share(comparison, policy)
    if overall.better < needed:
        size = _describe_size(comparison.candidate)
        yield (
            f"not shown to be better: {_describe_lead(overall)} on {size}, "
            f"ahead in {overall.better:.1%} of resamples where {needed:.1%} are needed"
        )
    for part in comparison.classes:
        if is_dropped(part, policy):
            yield _describe_drop(part, policy)
    if comparison.known and is_dropped(comparison.known, policy):
        size = _describe_size(comparison.known)
        yield (
            f"forgets: on the {size} that the champion was first measured on it falls by more than "
            f"{policy.class_drop:.2f}: {_describe_lead(comparison.known.change)}"
        )
    if latency and latency.ratio > policy.latency_ratio:
        yield (
            f"too slow: {latency.candidate:.1f} ms an image against the champion's {latency.champion:.1f}, where "
            f"{policy.latency_ratio:g} times as long is allowed"
        )


def _is_better_than_nothing(comparison: Comparison, policy: GatePolicy) -> bool:
    """
    Whether the champion finds nothing, and the whole interval of the candidate's lead lies above zero.

    A version that finds something on nearly each of a few images cannot be worse than one that finds nothing on any of
    them (`docs/gate.md`).
    """
    is_measured = comparison.candidate.images >= policy.class_images
    return is_measured and comparison.overall.champion < NOTHING and comparison.overall.low > 0


def _describe_drop(part: Part, policy: GatePolicy) -> str:
    return f"class {part.name} falls by more than {policy.class_drop:.2f}: {_describe_lead(part.change, 'AP')}"


def _describe_lead(change: MetricChange, metric: str = "mAP50-95") -> str:
    return (
        f"{metric} {change.candidate:.3f} against {change.champion:.3f} "
        f"({change.lead:+z.3f}, 95% interval {change.low:+z.3f} to {change.high:+z.3f})"
    )


def _describe_size(split: Metrics | Part) -> str:
    return f"{split.images} held-out images with {split.boxes} boxes"
