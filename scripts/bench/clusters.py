"""
Measure clustering and the map of a discovery: `python -m scripts.bench.clusters [--vectors 50000] [--points 20000]`.

Made-up vectors: 30 groups of several sizes, each around a few centres, with 20% noise. Each measurement is a process of
its own, as the job is. The map is judged by trustworthiness: the share of the neighbours on it that are neighbours
among the vectors, too (Venna and Kaski, 2001).
"""

from __future__ import annotations

import argparse
import json
import resource
import statistics
import time
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from sklearn.manifold import trustworthiness
from sklearn.metrics import adjusted_rand_score
from threadpoolctl import threadpool_limits

from loop.discovery.cluster_policy import ClusterPolicy
from loop.discovery.clustering import cluster
from loop.discovery.drawings import lay_out
from loop.discovery.neighbour_graph import NOISE, Labels, Vectors
from scripts.bench.figures import BenchReport, Goal, Measurement, spread
from scripts.bench.own_process import measure_apart

DIMENSION, GROUPS, CENTRES, NOISE_SHARE = 256, 30, 3, 0.2
JUDGED = 3000  # points of a map that are judged
NEIGHBOURS = 12
Run = dict[str, float]


def main() -> None:
    """Measure all in turns, and publish."""
    parser = argparse.ArgumentParser(prog="clusters", description=__doc__)
    parser.add_argument("--vectors", type=int, default=50_000)
    parser.add_argument("--points", type=int, default=20_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--run", nargs=2, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.run:
        print(json.dumps(WAYS[options.run[0]](int(options.run[1]))))
        return
    plan = [("clusters", 20_000), ("clusters", options.vectors), ("resampled", 20_000), ("map", 5_000)]
    plan = list(dict.fromkeys([*plan, ("map", options.points)]))
    measured: dict[tuple[str, int], list[Run]] = {step: [] for step in plan}
    for _ in range(options.rounds):
        for step, runs in measured.items():
            runs.append(_measure(*step))
            print(*step, runs[-1], flush=True)
    make_report(measured, options.vectors, options.points).publish()


def make_report(measured: dict[tuple[str, int], list[Run]], vectors: int, points: int) -> BenchReport:
    """Put the rounds into tables, and judge them by the goal."""
    columns = ("", "vectors", "seconds", "CPU, s", "quality", "noise left as noise", "peak memory, MB")
    rows = [
        [
            TITLES[way],
            f"{count:,}",
            spread([run["seconds"] for run in runs], 1),
            spread([run["cpu"] for run in runs], 1),
            f"{runs[0]['quality']:.3f}",
            f"{runs[0]['noise']:.2f}" if "noise" in runs[0] else "",
            f"{max(run['peak'] for run in runs):.0f}",
        ]
        for (way, count), runs in measured.items()
    ]
    clustering = statistics.median(run["seconds"] for run in measured["clusters", vectors])
    layout = statistics.median(run["seconds"] for run in measured["map", points])
    goal = Goal(
        "discovery of 50,000 vectors; map of 20,000",
        "under 15 s; under 20 s",
        f"{clustering:.1f} s for {vectors:,}; {layout:.1f} s for {points:,}",
        clustering < 15 and layout < 20,
    )
    rounds = len(measured["map", points])
    title = f"Discovery, {rounds} rounds in turns, median (least to most)"
    groups = f"{GROUPS} groups with {NOISE_SHARE:.0%} noise"
    load = f"made-up vectors of {DIMENSION} numbers in {groups}; one thread, as the job has"
    raw: dict[str, object] = {"rounds": {f"{way} {count}": runs for (way, count), runs in measured.items()}}
    return BenchReport("clusters", load, [Measurement(title, columns, rows)], [goal], raw)


def make_vectors(count: int, seed: int = 0) -> tuple[Vectors, Labels]:
    """Return unit vectors with the group of each; the last are noise."""
    rng = np.random.default_rng(seed)
    centres = rng.normal(size=(GROUPS, 1, DIMENSION)) + 0.7 * rng.normal(size=(GROUPS, CENTRES, DIMENSION))
    sizes = rng.pareto(2.0, GROUPS) + 0.3
    inside = round(count * (1 - NOISE_SHARE))
    groups = np.sort(rng.choice(GROUPS, inside, p=sizes / sizes.sum()))
    members = centres[groups, rng.integers(0, CENTRES, inside)] + 1.2 * rng.normal(size=(inside, DIMENSION))
    noise = 1.6 * rng.normal(size=(count - inside, DIMENSION))
    vectors = np.concatenate([members, noise])
    unit = (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)
    return unit, np.concatenate([groups, np.full(count - inside, NOISE)]).astype(np.intp)


def _measure(way: str, count: int) -> Run:
    run: Run = measure_apart("scripts.bench.clusters", "--run", way, count)
    return run


def _cluster(count: int, resamples: int) -> Run:
    vectors, groups = make_vectors(count)
    run, labels = _time(lambda: cluster(vectors, ClusterPolicy(resamples=resamples)).labels)
    is_noise = groups == NOISE
    return run | {
        "quality": float(adjusted_rand_score(groups, labels)),
        "noise": float((labels[is_noise] == NOISE).mean()),
    }


def _map(count: int) -> Run:
    vectors, _ = make_vectors(count)
    run, points = _time(lambda: lay_out(vectors))
    judged = np.random.default_rng(0).choice(count, min(count, JUDGED), replace=False)
    return run | {"quality": float(trustworthiness(vectors[judged], points[judged], n_neighbors=NEIGHBOURS))}


def _time(work: Callable[[], NDArray[np.generic]]) -> tuple[Run, NDArray[np.generic]]:
    began, worked = time.perf_counter(), time.process_time()
    with threadpool_limits(1):  # as the job does
        result = work()
    seconds, cpu = time.perf_counter() - began, time.process_time() - worked
    return {"seconds": seconds, "cpu": cpu, "peak": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024}, result


TITLES = {"clusters": "clustering", "resampled": "clustering with ten resamples", "map": "map"}
WAYS: dict[str, Callable[[int], Run]] = {
    "clusters": lambda count: _cluster(count, 0),
    "resampled": lambda count: _cluster(count, 10),
    "map": _map,
}

if __name__ == "__main__":
    main()
