"""Everything that a job does with new vectors: labels by references, and matches to the taxonomy."""

from __future__ import annotations

from loop.errors import UpstreamError
from loop.label_studio.projects import Project
from loop.references import plan
from loop.taxonomy import match
from loop.taxonomy.labelling import open_tasks
from loop.taxonomy.room import TaxonomyRoom


def is_due(taxonomies: TaxonomyRoom, project: Project) -> bool:
    """Return whether open tasks wait for labels, or detections for a match; matches wait for vectors that are due."""
    if open_tasks.is_due(taxonomies, project):
        return True
    return not plan.is_due(taxonomies.references, project) and match.is_due(taxonomies, project)


def run(taxonomies: TaxonomyRoom, project_id: int) -> str:
    """Give open tasks labels by references, then match detections to the taxonomy; return a line on both."""
    try:
        labelled = open_tasks.label_tasks(taxonomies, project_id)
    except UpstreamError as error:
        labelled = f"no labels by references: {error}"
    return "; ".join(filter(None, [labelled, match.match_detections(taxonomies, project_id)]))
