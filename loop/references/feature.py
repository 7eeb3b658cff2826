"""The embeddings of a version's detections: their feature URI, their embedder, and their collections in Milvus."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from loop.references.entries import CollectionKind
from loop.references.milvus_format import alias_name, collection_name
from loop.references.room import ReferencesRoom
from loop.registry.moves import CHAMPION
from loop.registry.store import Version
from loop.vision.embedding import feature_uri


@dataclass(frozen=True, slots=True)
class Feature:
    """
    The feature of a version: *collections* has, by kind, the collection in Milvus with its vectors.

    *alias* and *aliases* are there for the version that serves: the URI and, by kind, the names in Milvus that another
    version has as soon as it serves and its vectors are made. Without an embedder there are no collections.
    """

    uri: str
    embedder: str
    collections: Mapping[str, str] = field(default_factory=dict)
    alias: str = ""
    aliases: Mapping[str, str] = field(default_factory=dict)


def describe_feature(references: ReferencesRoom, project_id: int, version: Version | None) -> Feature:
    """Return the feature of a version of a project; of the start weights, where there is no version."""
    name, embedders = references.registry.version_name(version), references.vision.embedders
    weights = version.weights if version else references.registry.detectors.base_if_here()
    space = embedders.space(name, weights, version.image_size if version else None)
    if space is None:
        return Feature(feature_uri(name), embedders.setting)
    collections = {kind.value: collection_name(project_id, kind, space) for kind in CollectionKind}
    champion = references.registry.versions.champion(project_id)
    if references.registry.version_name(champion) != name:
        return Feature(feature_uri(name), embedders.setting, collections)
    alias = feature_uri(f"{name.partition('@')[0]}@{CHAMPION}")
    aliases = {kind.value: alias_name(project_id, kind) for kind in CollectionKind}
    return Feature(feature_uri(name), embedders.setting, collections, alias, aliases)
