"""
Measure, on composed scenes, matching, calibration and discovery with real features.

`python -m scripts.bench.discovery --cache DIR [WEIGHTS]` takes EfficientNet-Lite0, or the feature maps of a
detector's WEIGHTS. Vectors are kept in the cache: the first run takes a minute or two per fold.
"""

from __future__ import annotations

import argparse
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table
from sklearn.metrics import adjusted_rand_score

from loop.discovery.cluster_policy import ClusterPolicy, Method
from loop.discovery.clustering import Clustering, cluster
from loop.discovery.hints import find_likely_members
from loop.discovery.neighbour_graph import NOISE, Vectors
from loop.taxonomy.calibration import calibrate_nodes, without_group
from loop.taxonomy.editing.categories import add_category, with_thresholds
from loop.taxonomy.taxonomy import Node, Taxonomy
from loop.taxonomy.voting import MatchPolicy, Neighbours, find_places, node_scores, vote
from scripts.bench.discovery_features import KNOWN, NOVEL, Crop, Features, load_features

K = 10  # neighbours that vote
COVERAGE = 0.9

Names = NDArray[np.str_]


@dataclass(frozen=True)
class ExactReferences:
    """Vectors with their labels and stamps, searched exactly."""

    vectors: Vectors
    labels: Names
    stamps: Names

    def near(self, taxonomy: Taxonomy, queries: Vectors, k: int = K) -> Neighbours:
        """The nearest references of each query."""
        likeness = queries @ self.vectors.T
        order = np.argsort(-likeness, axis=1, kind="stable")[:, :k]
        places = find_places(taxonomy, self.labels.tolist())
        return Neighbours(order.astype(str), np.take_along_axis(likeness, order, 1), places[order])

    def with_more(self, vectors: Vectors, labels: Names, stamps: Names) -> ExactReferences:
        """Return these references and others."""
        ours, more = (self.vectors, self.labels, self.stamps), (vectors, labels, stamps)
        arrays: list[NDArray[Any]] = [np.concatenate(pair) for pair in zip(ours, more, strict=True)]
        return ExactReferences(*arrays)

    def calibrate(self, taxonomy: Taxonomy) -> Taxonomy:
        """Return the taxonomy with thresholds from matches of each reference, without the references of its stamp."""
        near = self.near(taxonomy, self.vectors, len(self.labels))
        near = without_group(near, self.stamps, self.stamps[near.ids.astype(int)], K)
        rows = calibrate_nodes(taxonomy, near, find_places(taxonomy, self.labels.tolist()))
        return with_thresholds(taxonomy, {row.node: row.threshold for row in rows})


def measure(stored: Features, policy: ClusterPolicy) -> dict[str, float]:
    """Measure all figures of one fold."""
    unlabelled, later = (unit(stored[f"{which}_vectors"]) for which in ("unlabelled", "later"))
    truth, later_truth = stored["unlabelled_labels"], stored["later_labels"]
    references = ExactReferences(
        unit(stored["reference_vectors"]), stored["reference_labels"], stored["reference_stamps"]
    )
    taxonomy = references.calibrate(Taxonomy(tuple(Node(name, labels=(name,)) for name in KNOWN)))
    is_known, later_known = np.isin(truth, list(KNOWN)), np.isin(later_truth, list(KNOWN))
    figures = {"known accuracy at 90%": at_coverage(taxonomy, references, later[later_known], later_truth[later_known])}

    placed = vote(taxonomy, references.near(taxonomy, unlabelled))
    unknown = np.flatnonzero([place.node is None for place in placed])
    figures["novel left unknown"] = float(np.isin(np.flatnonzero(~is_known), unknown).mean())
    figures["known left unknown"] = float(np.isin(np.flatnonzero(is_known), unknown).mean())
    clustering = cluster(unlabelled[unknown], policy, references=references.vectors)
    figures |= agreement(unlabelled[unknown], clustering, truth[unknown])

    members, names, grown = name_clusters(taxonomy, clustering, truth[unknown])
    figures["clusters named"] = float(len(np.unique(clustering.labels[members])))
    figures["their members named rightly"] = float((names == truth[unknown[members]]).mean()) if len(names) else 0.0
    rows = unknown[members]
    more = references.with_more(unlabelled[rows], names, stored["unlabelled_stamps"][rows])
    grown = more.calibrate(grown)
    for which, title in (("again", "stamps seen"), ("later", "stamps held out")):
        figures |= measure_matches(grown, more, unit(stored[f"{which}_vectors"]), stored[f"{which}_labels"], title)

    for name in NOVEL:
        taxonomy = add_category(taxonomy, name)
    every = references.with_more(unlabelled[~is_known], truth[~is_known], stored["unlabelled_stamps"][~is_known])
    taxonomy = every.calibrate(taxonomy)
    for which, title in (("again", "stamps seen"), ("later", "stamps held out")):
        best = measure_matches(taxonomy, every, unit(stored[f"{which}_vectors"]), stored[f"{which}_labels"], title)
        figures[f"were all novel labelled, {title}"] = best[f"novel classified, {title}"]
    return figures


def measure_matches(
    taxonomy: Taxonomy, references: ExactReferences, queries: Vectors, truth: Names, title: str
) -> dict[str, float]:
    """Return the share of later detections that are matched to the right node."""
    placed = np.array([place.node or "" for place in vote(taxonomy, references.near(taxonomy, queries))])
    right = placed == np.array([taxonomy.node_of_label.get(name, "?") for name in truth])
    novel = np.isin(truth, list(NOVEL))
    figures = {f"novel classified, {title}": float(right[novel].mean())}
    figures |= {f"  {name}": float(right[truth == name].mean()) for name in NOVEL if title == "stamps held out"}
    return figures | {f"known classified then, {title}": float(right[~novel].mean())}


def split_unlabelled(stored: Features) -> Features:
    """Move the last fifth of the unlabelled boxes to `again`: the same stamps, in other scenes."""
    last = len(stored["unlabelled_labels"]) * 4 // 5
    parts = {key.removeprefix("unlabelled"): value for key, value in stored.items() if key.startswith("unlabelled")}
    seen = {f"unlabelled{key}": value[:last] for key, value in parts.items()}
    return stored | seen | {f"again{key}": value[last:] for key, value in parts.items()}


def at_coverage(taxonomy: Taxonomy, references: ExactReferences, queries: Vectors, truth: Names) -> float:
    """Return the accuracy of the surest matches that make up the coverage."""
    scores = node_scores(taxonomy, references.near(taxonomy, queries), MatchPolicy())
    surest = np.argsort(-scores.max(axis=1), kind="stable")[: round(COVERAGE * len(truth))]
    named = np.array([node.id for node in taxonomy.nodes])[scores.argmax(axis=1)]
    return float((named == truth)[surest].mean())


def agreement(vectors: Vectors, clustering: Clustering, truth: Names) -> dict[str, float]:
    """Measure how well clusters and novel categories agree, on members alone and with boxes near a cluster."""
    novel = np.isin(truth, list(NOVEL))
    inside = novel & (clustering.labels != NOISE)
    attached = find_likely_members(vectors, clustering.labels)
    near = novel & (attached != NOISE)
    return {
        "unknown": float(len(truth)),
        "clusters": float(len(clustering.clusters)),
        "ARI of members": float(adjusted_rand_score(truth[inside], clustering.labels[inside])) if inside.any() else 0.0,
        "novel in clusters": float(inside.sum() / max(1, novel.sum())),
        "ARI with likely members": float(adjusted_rand_score(truth[near], attached[near])) if near.any() else 0.0,
        "novel in or near clusters": float(near.sum() / max(1, novel.sum())),
        "ARI, noise as one": float(adjusted_rand_score(truth[novel], clustering.labels[novel])),
    }


def name_clusters(taxonomy: Taxonomy, clustering: Clustering, truth: Names) -> tuple[NDArray[np.intp], Names, Taxonomy]:
    """Name each cluster that mostly shows one novel category, and dismiss the others, as a person would."""
    members: list[int] = []
    names: list[str] = []
    for group in clustering.clusters:
        kinds, counts = np.unique(truth[group.members], return_counts=True)
        name = str(kinds[counts.argmax()])
        if name in NOVEL and counts.max() > group.size / 2:
            taxonomy = add_category(taxonomy, name)
            members += group.members.tolist()
            names += [name] * group.size
    return np.array(members, np.intp), np.array(names, str), taxonomy


def unit(vectors: Vectors) -> Vectors:
    """Scale each row to unit length, as an embedder does."""
    scaled: Vectors = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    return scaled


def main() -> None:
    """Print one row per figure: the median over folds, least and most, and the value of each fold."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("weights", nargs="?", type=Path)
    parser.add_argument("--cache", type=Path, required=True)
    parser.add_argument("--folds", default="0,2,4", help="first stamp to hold out; every fifth from there")
    parser.add_argument("--seeds", default="1")
    parser.add_argument("--margin", type=float, default=Crop().margin, help="of a box, added on each side")
    parser.add_argument(
        "--side", type=int, default=Crop().side, help="pixels that a crop, or a detector's image, is scaled to"
    )
    parser.add_argument("--method", type=Method, default=Method.HDBSCAN)
    parser.add_argument("--merge", type=float, default=ClusterPolicy().merge)
    parser.add_argument("--attach", type=float, default=ClusterPolicy().attach)
    parser.add_argument("--dimensions", type=int, default=ClusterPolicy().dimensions)
    parser.add_argument("--min-samples", type=int, default=ClusterPolicy().min_samples)
    options = parser.parse_args()
    policy = ClusterPolicy(
        method=options.method,
        dimensions=options.dimensions,
        min_samples=options.min_samples,
        merge=options.merge,
        attach=options.attach,
        resamples=0,
    )
    runs = [(int(fold), int(seed)) for fold in options.folds.split(",") for seed in options.seeds.split(",")]
    crop = Crop(options.margin, options.side)
    results = [
        measure(split_unlabelled(load_features(fold, seed, options.cache, options.weights, crop)), policy)
        for fold, seed in runs
    ]
    show(runs, results)


def show(runs: Sequence[tuple[int, int]], results: Sequence[dict[str, float]]) -> None:
    """Print the table."""
    table = Table(
        "composed scenes", "median (least to most)", *(f"fold {fold}, seed {seed}" for fold, seed in runs), box=None
    )
    for figure in results[0]:
        values = [one[figure] for one in results]
        spread = f"{statistics.median(values):.2f} ({min(values):.2f} to {max(values):.2f})"
        table.add_row(figure, spread, *(f"{value:.2f}" for value in values))
    Console(width=140).print(table)


if __name__ == "__main__":
    main()
