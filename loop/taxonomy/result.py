"""The matches of one task as Label Studio shows them: text, keys of views, and choices of the control. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from loop.label_studio.match_control import LINE, MatchControl, ShownMatch, write_matches
from loop.taxonomy.taxonomy import Taxonomy, collect_enrichment
from loop.taxonomy.views import view_keys

if TYPE_CHECKING:
    from loop.taxonomy.voting import Match


@dataclass(frozen=True, slots=True)
class TaskMatches:
    """The matches of one task's regions, by region id. Without a *control* they are written into `meta` only."""

    by_region: Mapping[str, Match]
    taxonomy: Taxonomy
    control: MatchControl | None = None

    def write_into(self, result: Sequence[Mapping[str, Any]], version: str) -> list[dict[str, Any]]:
        """Return the result of a prediction of *version* with these matches in place of earlier ones."""
        shown = {
            region: self._show(match, match.node, version)
            for region, match in self.by_region.items()
            if match.node is not None and match.node in self.taxonomy.by_id
        }
        return write_matches(result, shown, self.control)

    def _show(self, match: Match, node: str, version: str) -> ShownMatch:
        nodes = [self.taxonomy.by_id[ancestor] for ancestor in self.taxonomy.path(node)]
        enrichment = collect_enrichment(self.taxonomy, node)
        lines = [
            f"{LINE}{'/'.join(each.name for each in nodes)}",
            *(f"{key}: {value}" for key, value in enrichment.items()),
        ]
        path = self.control.path_of(nodes) if self.control else ()
        text = "\n".join(" ".join(line.split()) for line in lines)
        return ShownMatch(text, view_keys(self.taxonomy, node, version), path, match.score)
