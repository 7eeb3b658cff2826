"""
Measures how often the interval of what more labelled images bring holds the truth: on simulated projects, on studies.

`python -m scripts.learning.more_images` prints, by the law of a simulated curve, the share of projects whose true gain
lies inside, under and over the interval, and the shares that are told that more images help, or bring little. It then
compares each round of finished studies (`python -m scripts.learning.acquisition`) with what the rounds before it
foretold.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import t

from loop.rates.intervals import HIGH, Interval
from loop.training.outlook.more_images import BEGUN, DOUBLED, LEAST_GROWTH, CurveStep, Gain, Outlook, forecast
from scripts.demo.label_studio import CACHE
from scripts.learning.plan import FULL, RoundResult, RunResult

Law = Callable[[float], float]  # mAP50-95 by labelled images
PROJECTS = 2000  # of each law
HELD_OUT, LEAST_HELD_OUT = 0.2, 8  # of the labelled images
SPREADS = (0.15, 0.3)  # of the precision of a version from image to image
CHANCE = 0.01  # standard deviation of the precision of trainings on the same images


def draw_power(rng: np.random.Generator, top: float) -> Law:
    """Draw a power law with an offset."""
    power, start = rng.uniform(0.2, 1.0), rng.uniform(5, 60)
    return lambda images: top * (1 - (1 + images / start) ** -power)


def draw_exponential(rng: np.random.Generator, top: float) -> Law:
    """Draw a curve that soon comes to its end."""
    start = rng.uniform(40, 400)
    return lambda images: top * (1 - math.exp(-images / start))


def draw_logistic(rng: np.random.Generator, top: float) -> Law:
    """Draw a curve that is steepest in its middle, over the logarithm of the images, which may be far ahead."""
    middle, width = math.log(rng.uniform(60, 2000)), rng.uniform(0.4, 1.0)
    return lambda images: top / (1 + math.exp((middle - math.log(images)) / width))


def draw_flat(_rng: np.random.Generator, top: float) -> Law:
    """Draw a curve that is at its end."""
    return lambda _: top


LAWS = {"power": draw_power, "exponential": draw_exponential, "logistic": draw_logistic, "at its end": draw_flat}


@dataclass(frozen=True, slots=True)
class Outcome:
    """A forecast beside the true gain."""

    outlook: Outlook
    truth: float


def simulate(rng: np.random.Generator, law: Law, spread: float) -> Outcome | None:
    """
    Simulate a project of three to eight trainings on a curve; None where nothing is forecast.

    A version is measured on held-out images that grow, with an error of its own on each; the gate promotes it if it
    leads beyond chance.
    """
    rounds, size = int(rng.integers(3, 9)), int(rng.choice([20, 50, 100]))
    images = np.arange(1, rounds + 1) * size
    held_out = np.maximum(LEAST_HELD_OUT, (images * HELD_OUT).astype(int))
    errors = rng.normal(0, spread, (rounds, held_out[-1]))
    values = np.array([law(float(number)) for number in images]) + rng.normal(0, CHANCE, rounds)
    champion, steps = 0, dict[int, tuple[int, CurveStep]]()
    for number in range(1, rounds):
        differences = values[number] - values[champion] + errors[number] - errors[champion]
        lead = Gain(*_measure(differences[: held_out[number]]))
        steps[number] = champion, CurveStep(int(images[champion]), int(images[number]), lead)
        champion = number if lead.interval.low > 0 else champion
    outlook = forecast(_walk_back(steps, rounds - 1))
    if outlook is None or values[-1] < BEGUN:
        return None
    end = float(outlook.last)
    return Outcome(outlook, law(end + outlook.more) - law(end))


def _measure(differences: NDArray[np.float64]) -> tuple[float, Interval]:
    mean, size = float(differences.mean()), len(differences)
    within = float(t.ppf(HIGH, size - 1) * differences.std(ddof=1) / math.sqrt(size))
    return mean, Interval(mean - within, mean + within)


def _walk_back(steps: dict[int, tuple[int, CurveStep]], number: int) -> list[CurveStep]:
    chain = list[CurveStep]()
    while number in steps and not (chain and chain[0].after >= DOUBLED * chain[-1].before):
        number, step = steps[number]
        chain.append(step)
    return chain


def tell(name: str, outcomes: list[Outcome]) -> str:
    """Return a line of a table on some forecasts."""
    intervals = [each.outlook.may_bring.interval for each in outcomes]
    truths = [each.truth for each in outcomes]
    pairs = list(zip(truths, intervals, strict=True))
    shares = (
        np.mean([truth < interval.low for truth, interval in pairs]),
        np.mean([truth > interval.high for truth, interval in pairs]),
        np.mean([interval.low > 0 for interval in intervals]),
        np.mean([each.outlook.is_little for each in outcomes]),
    )
    inside = 1 - shares[0] - shares[1]
    return f"| {name} | {len(outcomes)} | {inside:.1%} | " + " | ".join(f"{share:.1%}" for share in shares) + " |"


def foretell(run: RunResult) -> Iterator[Outcome]:
    """
    Foretell the gain until each later round of a study that has as many images more as were foretold, or fewer.

    Rounds of a study have intervals of their own, not of their leads: these are wider, as if on other images.
    """
    for at, last in enumerate(run.rounds):
        befores = [each for each in run.rounds[:at] if last.labelled >= LEAST_GROWTH * each.labelled]
        halves = [each for each in befores if last.labelled >= DOUBLED * each.labelled]
        first = halves[-1] if halves else befores[0] if befores else None
        outlook = forecast([CurveStep(first.labelled, last.labelled, _lead(first, last))]) if first else None
        later = [each for each in run.rounds if outlook and last.map50_95 >= BEGUN and last.labelled < each.labelled]
        if outlook and later and later[-1].labelled >= last.labelled + outlook.more:
            along = [float(each.labelled) for each in (last, *later)]
            up = [each.map50_95 for each in (last, *later)]
            yield Outcome(outlook, float(np.interp(last.labelled + outlook.more, along, up)) - last.map50_95)


def _lead(first: RoundResult, last: RoundResult) -> Gain:
    lead = last.map50_95 - first.map50_95
    below = math.hypot(last.map50_95 - min(last.low, last.map50_95), max(first.high, first.map50_95) - first.map50_95)
    above = math.hypot(max(last.high, last.map50_95) - last.map50_95, first.map50_95 - min(first.low, first.map50_95))
    return Gain(lead, Interval(lead - below, lead + above))


def main() -> None:
    """Print both tables."""
    heads = ("curve", "forecasts", "inside", "under it", "over it", "told that more helps", "told that little")
    print(f"| {' | '.join(heads)} |\n|{'---|' * len(heads)}")
    for spread in SPREADS:
        rng = np.random.default_rng(0)
        for name, draw in LAWS.items():
            drawn = (simulate(rng, draw(rng, rng.uniform(0.3, 0.9)), spread) for _ in range(PROJECTS))
            print(tell(f"{name}, {spread:g} from image to image", [each for each in drawn if each]))
    runs = [RunResult.read(path.read_text()) for path in sorted((CACHE / "learning").glob("*.json"))]
    runs = [run for run in runs if run.plan.order != FULL]
    told = [each for run in runs for each in foretell(run)]
    print(tell(f"{len(runs)} studies", told) if told else "no finished study foretells anything")


if __name__ == "__main__":
    main()
