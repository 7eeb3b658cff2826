"""Checks a taxonomy that a person wrote: its errors, or what it would change. Nothing is stored."""

from __future__ import annotations

from dataclasses import dataclass

from loop.errors import PayloadError, TaxonomyError, UpstreamError
from loop.taxonomy import manage, taxonomy_yaml
from loop.taxonomy.editing.diff import TaxonomyDiff, compare
from loop.taxonomy.room import TaxonomyRoom
from loop.taxonomy.taxonomy import Taxonomy


@dataclass(frozen=True, slots=True)
class CheckedFile:
    """
    The *errors* of a taxonomy file, or its *content* as `taxonomy_yaml.write` writes it and what it changes.

    *unused* are labels that the label config does not have. Of *tried* detections, *trials* would match otherwise;
    *untried* says why none were tried.
    """

    errors: tuple[str, ...] = ()
    content: str = ""
    diff: TaxonomyDiff | None = None
    version: str = ""
    unused: tuple[str, ...] = ()
    tried: int = 0
    trials: tuple[manage.Trial, ...] = ()
    untried: str = ""


def check_file(taxonomies: TaxonomyRoom, project_id: int, content: str, tasks: int) -> CheckedFile:
    """Check the text of a file against the taxonomy in force, and try it on the detections of some *tasks*."""
    try:
        new = taxonomy_yaml.read(content)
    except TaxonomyError as error:
        return CheckedFile(tuple(str(each) for each in (error, *error.others)))
    current = taxonomies.store.current(project_id) or Taxonomy()
    labels = taxonomies.studio.projects.get(project_id).config().label_names
    unused = tuple(sorted(taxonomies.store.name(project_id, new).find_missing(labels)))
    diff, written = compare(current, new), taxonomy_yaml.write(new)
    try:
        trials = manage.try_taxonomy(taxonomies, project_id, new, tasks)
    except (PayloadError, UpstreamError) as error:
        return CheckedFile((), written, diff, new.version, unused, untried=str(error))
    changed = tuple(each for each in trials if (each.before.node if each.before else None) != each.after.node)
    return CheckedFile((), written, diff, new.version, unused, len(trials), changed)
