"""Every command of `loop`, as one app."""

from __future__ import annotations

import typer

from loop.cli import annotations as bulk
from loop.cli import (
    clusters,
    datasets,
    deliveries,
    events,
    lineage,
    models,
    projects,
    references,
    reviews,
    running,
    taxonomy,
    trainings,
)

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Label Studio, YOLO, and a loop that learns.",
)
for top in (running.app, projects.app, reviews.app, trainings.app, lineage.app, clusters.top):
    app.add_typer(top)
app.add_typer(clusters.app, name="clusters")
app.add_typer(models.app, name="models")
app.add_typer(datasets.app, name="dataset")
app.add_typer(taxonomy.app, name="taxonomy")
app.add_typer(bulk.app, name="annotations")
app.add_typer(references.app, name="references")
app.add_typer(deliveries.app, name="deliveries")
app.add_typer(events.app, name="events")
